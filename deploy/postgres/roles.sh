#!/bin/sh
# Makes the database and its two roles, or gives them what they should have: viztube_owner owns the
# tables and changes them (migrations, backup, restore), viztube_app only reads and writes rows. Safe
# to run again, after a password was renewed for example:
#   docker compose exec postgres /docker-entrypoint-initdb.d/roles.sh
# SECRETS is the folder with owner_password and app_password (/secrets/database).
set -eu
SECRETS=${SECRETS:-/secrets/database}
export SECRETS
# psql reads the passwords itself: as arguments, every process here could see them.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set owner_password `cat "$SECRETS/owner_password"`
\set app_password `cat "$SECRETS/app_password"`
SELECT 'CREATE ROLE viztube_owner LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'viztube_owner') \gexec
SELECT 'CREATE ROLE viztube_app LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'viztube_app') \gexec
-- CREATEDB: a backup is restored beside the database before it takes its place.
ALTER ROLE viztube_owner WITH LOGIN CREATEDB PASSWORD :'owner_password';
ALTER ROLE viztube_app WITH LOGIN PASSWORD :'app_password';
-- Restoring disconnects the application.
GRANT pg_signal_backend TO viztube_owner;
ALTER ROLE viztube_app SET statement_timeout = '15s';
SELECT 'CREATE DATABASE viztube OWNER viztube_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'viztube') \gexec
REVOKE ALL ON DATABASE viztube FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE viztube TO viztube_app;
\connect viztube
-- At once, so that the application never has what is taken back at the end.
BEGIN;
ALTER DEFAULT PRIVILEGES FOR ROLE viztube_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO viztube_app;
ALTER DEFAULT PRIVILEGES FOR ROLE viztube_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO viztube_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO viztube_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO viztube_app;
-- The moderation log is only ever added to. Its migration does the same when it makes the table.
SELECT 'REVOKE UPDATE, DELETE, TRUNCATE ON social_moderationaction FROM viztube_app'
 WHERE to_regclass('public.social_moderationaction') IS NOT NULL \gexec
COMMIT;
SQL
