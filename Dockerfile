# The image of api, worker and commands: about 560 MB on disk, of which ffmpeg and what it needs are
# some 400 MB. Build it with `docker build -t viztube:development .`.

FROM python:3.13.11-slim-trixie AS packages
WORKDIR /app
COPY requirements.txt .
# Wheels only, each with its hash: nothing is compiled, so nothing that compiles is needed.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps --only-binary :all: -r requirements.txt \
    && /venv/bin/pip uninstall --yes pip


FROM python:3.13.11-slim-trixie
# ffmpeg looks into videos. pg_dump must be of the server's major version, which Debian has not: its
# package comes from the archive of PostgreSQL's own project, by the script that Debian ships for it.
# Debian takes versions out of its archive as soon as there is a newer one, so none is named here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates ffmpeg openssl postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*

# What is mounted into these folders takes over who owns them.
RUN for folder in /media /backups /etc/letsencrypt /var/www/acme /var/spool/nginx /var/lib/nginx \
        /secrets/app /secrets/owner /secrets/database /secrets/cache; do \
        install -d -o 10001 -g 10001 "$folder"; \
    done

WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/tmp \
    MEDIA_ROOT=/media \
    POSTGRES_BIN=/usr/lib/postgresql/18/bin
# The code is read by an account that cannot write it. Static files get names of their content; the
# settings want to be told where servers are, though nothing is asked of them here.
RUN python -m compileall -q /app /venv \
    && SECRET_KEY="$(openssl rand -base64 48)" JWT_SIGNING_KEY="$(openssl rand -base64 48)" \
        PUBLIC_URL=https://collectstatic.invalid \
        DATABASE_URL=postgres://nobody:nothing@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 \
        python manage.py collectstatic --no-input --verbosity 0

USER 10001:10001
EXPOSE 8000
# Above the 1.5 s after which /readyz gives up on the database.
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz')"]
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", "0.0.0.0:8000", "viztube.wsgi:application"]
