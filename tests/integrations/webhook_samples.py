"""Push notices as vendors send them, with the parts that their documentation shows; each names team/app (or a like)."""

from typing import Any

ECR_CONFIG = {"account_id": "123456789012", "region": "eu-central-1"}


def ecr(**detail: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "13cde686-328b-6117-af20-0e5566167482",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": "123456789012",
        "time": "2026-11-16T01:54:34Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "result": "SUCCESS",
            "repository-name": "team/app",
            "image-digest": f"sha256:{'7f' * 32}",
            "action-type": "PUSH",
            "image-tag": "1.2",
            **detail,
        },
    }


def acr(action: str = "push", host: str = "harbour.azurecr.io", tag: str = "1.2") -> dict[str, Any]:
    return {
        "id": "cb8c3971-9adc-488b-bdd8-43cbb4974ff5",
        "timestamp": "2026-11-17T16:52:01.343145347Z",
        "action": action,
        "target": {
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "size": 524,
            "digest": f"sha256:{'80' * 32}",
            "length": 524,
            "repository": "team/app",
            "tag": tag,
        },
        "request": {"id": "3cbb6949", "host": host, "method": "PUT", "useragent": "docker/27.0"},
    }


def docker_hub(repository: str = "harbour/app", tag: str = "1.2") -> dict[str, Any]:
    return {
        "callback_url": "https://registry.hub.docker.com/u/harbour/app/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
        "push_data": {"pushed_at": 1417566161, "pusher": "trustedbuilder", "tag": tag},
        "repository": {
            "is_private": True,
            "name": "app",
            "namespace": "harbour",
            "owner": "harbour",
            "repo_name": repository,
            "status": "Active",
        },
    }


def jfrog(key: str = "docker-local", tag: str = "1.2", event_type: str = "pushed") -> dict[str, Any]:
    return {
        "domain": "docker",
        "event_type": event_type,
        "data": {
            "image_name": "team/app",
            "name": "manifest.json",
            "path": f"team/app/{tag}/manifest.json",
            "platforms": [],
            "repo_key": key,
            "sha256": "6e" * 32,
            "size": 949,
            "tag": tag,
        },
        "subscription_key": "portwarden",
        "jpd_origin": "https://harbour.jfrog.io",
        "source": "jfrog/user",
    }


def harbor(*tags: str, type_: str = "PUSH_ARTIFACT") -> dict[str, Any]:
    return {
        "type": type_,
        "occur_at": 1732780000,
        "operator": "admin",
        "event_data": {
            "resources": [
                {"digest": f"sha256:{'8a' * 32}", "tag": tag, "resource_url": f"harbor.example/team/app:{tag}"}
                for tag in tags
            ],
            "repository": {
                "date_created": 1732779000,
                "name": "app",
                "namespace": "team",
                "repo_full_name": "team/app",
                "repo_type": "private",
            },
        },
    }


def harbor_cloud_event(tag: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "4b2f89a6-548d-4c12-9993-a1f5790b97d2",
        "source": "/projects/1/webhook/policies/3",
        "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json",
        "time": "2026-04-03T06:12:02Z",
        "data": harbor(tag)["event_data"],
        "operator": "admin",
    }


def distribution(*tags: str, action: str = "push", media_type: str = "") -> dict[str, Any]:
    return {
        "events": [
            {
                "id": f"320678d8-ca14-430f-8bb6-4ca139cd83f{number}",
                "timestamp": "2026-03-09T14:44:26.402973972-08:00",
                "action": action,
                "target": {
                    "mediaType": media_type or "application/vnd.oci.image.manifest.v1+json",
                    "size": 708,
                    "digest": f"sha256:{'fe' * 32}",
                    "length": 708,
                    "repository": "team/app",
                    "url": "http://192.168.100.227:5000/v2/team/app/manifests/x",
                    **({"tag": tag} if tag else {}),
                },
                "request": {"id": "6df24a34", "host": "192.168.100.227:5000", "method": "PUT"},
                "actor": {},
            }
            for number, tag in enumerate(tags)
        ]
    }


def quay(*tags: str) -> dict[str, Any]:
    return {
        "name": "app",
        "repository": "team/app",
        "namespace": "team",
        "docker_url": "quay.example/team/app",
        "homepage": "https://quay.example/repository/team/app",
        "updated_tags": list(tags),
    }
