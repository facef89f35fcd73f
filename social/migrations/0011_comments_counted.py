"""Let the comments that a video shows be counted in an index alone."""

from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("social", "0010_filters_of_lists"),
        ("videos", "0006_streams_made_here"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="comment",
            index=models.Index(
                fields=["video", "created_at", "id"],
                include=("user", "removed_at"),
                name="social_comment_by_video",
            ),
        ),
        RemoveIndexConcurrently(model_name="comment", name="social_comment_of_video"),
    ]
