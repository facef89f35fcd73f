"""The roles of staff, as groups of Django's."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN_BY_MODERATORS = (
    "social.view_case",
    "social.view_comment",
    "social.view_moderationaction",
    "social.view_playlist",
    "social.view_report",
    "social.view_tweet",
    "users.view_user",
    "videos.view_video",
)
MODERATORS = (*SEEN_BY_MODERATORS, "social.decide_content")
SENIOR_MODERATORS = (
    *MODERATORS,
    "social.decide_people",
    "social.view_like",
    "social.view_subscription",
    "users.change_refreshsession",
    "users.view_refreshsession",
    "users.view_securityevent",
)
ADMINISTRATORS = (
    *SENIOR_MODERATORS,
    "procrastinate.change_procrastinatejob",
    "procrastinate.view_procrastinatejob",
    "social.administer",
    "users.add_user",
    "users.change_user",
    "videos.change_video",
    "videos.view_dailyviews",
    "videos.view_notification",
    "videos.view_viewevent",
    "videos.view_watchhistory",
)
GROUPS = {
    "Moderators": MODERATORS,
    "Senior moderators": SENIOR_MODERATORS,
    "Administrators": ADMINISTRATORS,
}


def make_roles(apps, schema_editor):
    """Make the groups, or give those that are there what they lack."""
    # Django makes permissions after the last migration, and these are needed now.
    for label in ("procrastinate", "social", "users", "videos"):
        config = apps.get_app_config(label)
        # Of a migration's apps it would think that they have no models.
        config.models_module = getattr(config, "models_module", None) or True
        create_permissions(config, apps=apps, verbosity=0)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, permissions in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        for permission in permissions:
            label, codename = permission.split(".")
            group.permissions.add(
                Permission.objects.get(content_type__app_label=label, codename=codename)
            )


class Migration(migrations.Migration):
    dependencies = [
        ("social", "0007_append_only_log"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("users", "0002_suspension_reason_and_audit_trail"),
        ("videos", "0004_cloudinary"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    # Taking the groups away would take people out of them.
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
