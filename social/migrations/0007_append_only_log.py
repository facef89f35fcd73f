"""What the database itself guards of reports and of the log, beyond what models can say."""

from django.db import migrations

# Django knows no foreign keys of two columns.
REPORT_ON_ITS_CASE = """
ALTER TABLE social_report ADD CONSTRAINT social_report_on_case_of_target
    FOREIGN KEY (case_id, target_id) REFERENCES social_case (id, target_id)
    DEFERRABLE INITIALLY DEFERRED
"""

# Not on TRUNCATE, which is how tests clean up: that takes a privilege the application has not.
APPEND_ONLY = """
CREATE FUNCTION social_moderationaction_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The moderation log is only added to: undo a decision by another one.'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER social_moderationaction_append_only
    BEFORE UPDATE OR DELETE ON social_moderationaction
    FOR EACH ROW EXECUTE FUNCTION social_moderationaction_append_only();
"""

# Who owns a table may disable its triggers; the application does not own it where the deployment
# has made both roles (deploy/postgres/roles.sh).
NO_MORE_THAN_ADDING = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'viztube_app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON social_moderationaction FROM viztube_app;
    END IF;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("social", "0006_reports_and_decisions")]

    operations = [
        migrations.RunSQL(
            REPORT_ON_ITS_CASE,
            "ALTER TABLE social_report DROP CONSTRAINT social_report_on_case_of_target",
        ),
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER social_moderationaction_append_only ON social_moderationaction;"
            "DROP FUNCTION social_moderationaction_append_only()",
        ),
        migrations.RunSQL(NO_MORE_THAN_ADDING, migrations.RunSQL.noop),
    ]
