"""Settings, read strictly from the environment; a bad value stops the start with one sentence.

What each variable means is listed in ``.env.example``. While developing, what is not set comes from
what ``make run`` left in its data folder, so that ``manage.py`` in a second terminal talks to the
same servers.
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from viztube.api.rates import RATES
from viztube.desk import site as desk
from viztube.environment import Environment
from viztube.ops.logs import logging_config
from viztube.ops.redaction import hide_everywhere

BASE_DIR = Path(__file__).resolve().parent.parent


def read_environment() -> Environment:
    """Return the variables of this process, completed while developing."""
    env = Environment(os.environ)
    data_dir = env.path("DATA_DIR", BASE_DIR / ".data")
    if env.flag("DEBUG", default=False):
        environ.Env.read_env(data_dir / "development.env")
    return Environment(os.environ)


env = read_environment()

DEBUG = env.flag("DEBUG", default=False)
DATA_DIR = env.path("DATA_DIR", BASE_DIR / ".data")

# In development a missing key is made up for this process; `make run` keeps lasting ones.
SECRET_KEY = env.secret("SECRET_KEY", get_random_secret_key() if DEBUG else None)
# The first key signs, all verify; `manage.py rotate_keys` changes the file they came from, if any.
JWT_VERIFYING_KEYS = env.secrets(
    "JWT_SIGNING_KEY", secrets.token_urlsafe(48) if DEBUG else None, most=3
)
JWT_SIGNING_KEY = JWT_VERIFYING_KEYS[0]
JWT_SIGNING_KEY_FILE = env.file_of("JWT_SIGNING_KEY")

# The one place that says how the world reaches this service.
PUBLIC_URL = env.origin("PUBLIC_URL", "http://127.0.0.1:8000" if DEBUG else None)
_public = urlsplit(PUBLIC_URL)
HTTPS = _public.scheme == "https"
# Loopback names are for health checks on the machine itself, the service's name in Compose for
# Prometheus; no address is built from Host.
ALLOWED_HOSTS = [str(_public.hostname), "localhost", "127.0.0.1", "[::1]", "viztube-api"]

# How many proxies stand in front and may say who the client is.
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 1 if HTTPS else 0, minimum=0, maximum=5)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "viztube.media",
    "viztube.desk",
    "users",
    "videos",
    "social",
    "dashboard",
    "viztube.ops",
]

MIDDLEWARE = [
    "viztube.api.middleware.RequestIdMiddleware",
    "viztube.ops.access.AccessLogMiddleware",
    "viztube.ops.metrics.MetricsMiddleware",
    "viztube.api.middleware.ErrorEnvelopeMiddleware",
    "viztube.api.middleware.BodySizeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "viztube.desk.middleware.StaticFilesMiddleware",
    "viztube.desk.middleware.PolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "viztube.api.middleware.TrailingSlashMiddleware",
    "django.middleware.common.CommonMiddleware",
    "viztube.desk.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "viztube.desk.middleware.AuthenticationMiddleware",
    "viztube.desk.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "viztube.urls"
WSGI_APPLICATION = "viztube.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# How Django admin looks.
UNFOLD = desk.UNFOLD

try:
    _database = env.database("DATABASE_URL")
    REDIS_URL = env.redis("REDIS_URL")
except ImproperlyConfigured as error:
    if DEBUG and "is not set" in str(error):
        raise ImproperlyConfigured(
            "DATABASE_URL and REDIS_URL are not set: start `make run` in another terminal, which "
            "provides both, or set them."
        ) from error
    raise

# A title is found despite one typo in a word: pg_trgm's default of 0.6 misses swapped letters.
_database.setdefault("OPTIONS", {})["options"] = "-c pg_trgm.word_similarity_threshold=0.45"
# libpq prefers these options to PGOPTIONS, so what a release gives its migrations has a name.
if _lock_seconds := env.integer("DATABASE_LOCK_TIMEOUT", 0, minimum=0, maximum=3600):
    _database["OPTIONS"]["options"] += f" -c lock_timeout={_lock_seconds}s"
# What statements.py runs is planned anew only the first few times on a connection.
_database["OPTIONS"]["prepare_threshold"] = 5
DATABASES: dict[str, dict[str, Any]] = {
    "default": {**_database, "ENGINE": "viztube.api.database", "CONN_MAX_AGE": 0}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "viztube.api.caching.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "viztube",
        "OPTIONS": {
            "serializer": "viztube.api.caching.JSONSerializer",
            "socket_connect_timeout": 0.25,
            "socket_timeout": 0.25,
            # With this one redis-py closes a connection on which something unread has arrived.
            "protocol": 2,
        },
    }
}

# Accounts
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["users.backends.StaffBackend"]
# New hashes are of the first kind; the others are checked, and renewed at the next login.
PASSWORD_HASHERS = [
    "users.hashers.SmallArgon2PasswordHasher",
    "users.hashers.ImportedBcryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "email", "fullname")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "users.validators.EndSessionsValidator"},
]

ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=7)
# However often it is refreshed: then a session takes the password again.
SIGN_IN_LIFETIME = timedelta(days=30)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ISSUER": "viztube",
    "AUDIENCE": "viztube-api",
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}

# Browsers enforce what these prefixes promise (RFC 6265bis), but only over https.
ACCESS_COOKIE = "__Host-accessToken" if HTTPS else "accessToken"
REFRESH_COOKIE = "__Secure-refreshToken" if HTTPS else "refreshToken"
REFRESH_COOKIE_PATH = "/api/v2/user"
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

SECURE_SSL_REDIRECT = HTTPS
# Asked inside, over plain http, by Docker, the release script and Prometheus.
SECURE_REDIRECT_EXEMPT = [r"^api/v2/healthcheck$", r"^(livez|readyz|metrics)$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Subdomains and the preload list bind hosts that are not ours to decide about.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Other sites that may call the API from a browser. "*" works, then without cookies.
CORS_ORIGIN = env.origins("CORS_ORIGIN")
CORS_ALLOW_ALL_ORIGINS = CORS_ORIGIN == ["*"]
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else CORS_ORIGIN
CORS_ALLOW_CREDENTIALS = not CORS_ALLOW_ALL_ORIGINS
CORS_URLS_REGEX = r"^/(api|media)/"
CORS_EXPOSE_HEADERS = [
    *("X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Content-Range", "Accept-Ranges"),
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "viztube.desk.formats"

# Files. Uploads are received below MEDIA_ROOT, so that publishing one is a rename, never a copy.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_URL = "/media/"
MEDIA_ROOT = env.path("MEDIA_ROOT", DATA_DIR / "media")
MEDIA_INCOMING = MEDIA_ROOT / "incoming"
# nginx serves media in production.
SERVE_MEDIA = env.flag("SERVE_MEDIA", default=DEBUG)
FILE_UPLOAD_HANDLERS = ["viztube.media.uploads.LimitedUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o644

# When set, media moves on to Cloudinary once it is received; else this disk is its place.
CLOUDINARY_ACCOUNT = env.cloudinary("CLOUDINARY_URL")
# For django-cloudinary-storage, whose storages we build on. It is no installed app: its commands
# would delete what no FileField names, which is all of ours, and replace collectstatic.
CLOUDINARY_STORAGE = {
    "CLOUD_NAME": CLOUDINARY_ACCOUNT.cloud_name if CLOUDINARY_ACCOUNT else "",
    "API_KEY": CLOUDINARY_ACCOUNT.api_key if CLOUDINARY_ACCOUNT else "",
    "API_SECRET": CLOUDINARY_ACCOUNT.api_secret if CLOUDINARY_ACCOUNT else "",
    # Names are public ids as they are.
    "PREFIX": "",
}

# The highest quality of the streams that this machine makes, by its shorter side in pixels; 0 for
# none. On Cloudinary they are made there.
HLS_TOP_RUNG = int(env.choice("HLS_TOP_RUNG", "0", ("0", "240", "360", "480", "720", "1080")))
FFMPEG = env.text("FFMPEG", "ffmpeg")
FFPROBE = env.text("FFPROBE", "ffprobe")
# The folder of pg_dump and pg_restore; empty for those in PATH.
POSTGRES_BIN = env.text("POSTGRES_BIN", "")

# Jobs that touch this machine's disk wait on a queue of this name, for a worker on this machine.
MACHINE_NAME = env.text("MACHINE_NAME", "main")

MAX_BODY_BYTES = 1_000_000
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
# As a form, the order of the longest playlist has 500.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 600
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# How often who may ask for what.
RATE_LIMITS = env.rates("RATE_LIMITS", RATES)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["users.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["viztube.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "viztube.api.parsers.JSONParser",
        "viztube.api.parsers.FormParser",
        "viztube.api.parsers.MultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "viztube.api.renderers.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": "viztube.api.pagination.PagePagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "viztube.api.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "viztube.api.errors.exception_handler",
    # OPTIONS tells what is allowed; what calls take is in the OpenAPI document.
    "DEFAULT_METADATA_CLASS": None,
    "NON_FIELD_ERRORS_KEY": "nonFieldErrors",
    "NUM_PROXIES": TRUSTED_PROXIES,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "VizTube",
    "DESCRIPTION": (
        "Video sharing: accounts, uploads, playback, likes, comments, subscriptions, playlists "
        "and tweets.\n\n"
        "Log in to get an access token (15 minutes) and a refresh token (7 days), in HttpOnly "
        "cookies and in the body. Send the access token as a cookie or as `Authorization: Bearer`; "
        "the header wins. When an answer has the code `token_expired`, exchange the refresh token "
        "at `/user/refresh-token` and repeat the call. A refresh token works once, and for ten "
        "seconds more in case the answer was lost. Calls by cookie that change something must come "
        "from a page of this site or of an allowed one, else they get `cross_site`.\n\n"
        "Answers say how often one may still ask (`RateLimit-Policy` and `RateLimit`, as "
        "draft-ietf-httpapi-ratelimit-headers has them), for the limit that is closest. Who asks "
        "too often gets `throttled`: wait as long as `Retry-After` says.\n\n"
        "What is read signed out has an `ETag`: sent back as `If-None-Match`, it spares the body "
        "(304) while nothing has changed. What is read signed in is for its caller alone, and no "
        "cache keeps it. Whoever changes something reads it changed. Views, and suspensions that "
        "end by themselves, may show up to 10 seconds late in lists, 30 seconds late in the "
        "dashboard's totals and 60 seconds late on the page of a channel."
    ),
    "VERSION": "2",
    "OAS_VERSION": "3.1.0",
    # Where the document itself came from: the address in use may be another than PUBLIC_URL.
    "SERVERS": [{"url": "/"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    # A PATCH may have required fields: the new avatar, for example.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "viztube.api.schema.drop_unused_components",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "withCredentials": True},
    "ENUM_NAME_OVERRIDES": {"ProcessingStatus": "videos.models.ProcessingStatus"},
}

# What `manage.py doctor` looks at besides.
TLS_SERVER = env.origin("TLS_SERVER", PUBLIC_URL)
BACKUP_DIR = env.optional_path("BACKUP_DIR")

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logging_config(level=LOG_LEVEL, readable=DEBUG)

# Errors are reported there when it is set.
SENTRY_DSN = env.sentry("SENTRY_DSN")

# Where one slips into a line or a report, it is hidden.
hide_everywhere(
    [
        SECRET_KEY,
        JWT_SIGNING_KEY,
        str(_database.get("PASSWORD") or ""),
        urlsplit(REDIS_URL).password or "",
        CLOUDINARY_STORAGE["API_SECRET"],
        SENTRY_DSN,
    ]
)
