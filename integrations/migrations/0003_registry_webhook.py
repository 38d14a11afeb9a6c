
import django.db.models.deletion
import integrations.fields
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0002_pull_settings_and_limits'),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookStranger',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.GenericIPAddressField(unique=True)),
                ('window_at', models.DateTimeField(db_index=True)),
                ('count', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='RegistryWebhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('secret_sha256', models.CharField(max_length=64)),
                ('signing', integrations.fields.EncryptedSecretsField(default=dict)),
                ('made_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(help_text='The last notice that was taken.', null=True)),
                ('refused_at', models.DateTimeField(help_text='The last notice with the right URL that was not taken.', null=True)),
                ('refusal', models.CharField(blank=True, max_length=200)),
                ('window_at', models.DateTimeField(null=True)),
                ('window_count', models.PositiveIntegerField(default=0)),
                ('registry', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='webhook', to='integrations.registry')),
            ],
        ),
    ]
