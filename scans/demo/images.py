"""The demonstration's repositories: invented services over real names and versions of packages, in several states.

Everything is generated and deterministic: the same program gives the same digests. No byte of a real image is in it.
"""

from functools import cache

from scans.demo import alpine, debian, node_packages, python_packages
from scans.demo.shelf import Repository
from scans.demo.tarball import Layer, LayerBuilder

BROKEN_AT = 21_000
"""Where the status file of the broken image is cut: in the middle of a field of a package."""

STOREFRONT_TAGS = (
    ("1.0.0", "early", "12.0", "2023-06-19T08:12:44Z"),
    ("1.1.0", "early", "12.0", "2023-07-31T13:40:02Z"),
    ("1.2.0", "early", "12.0", "2023-09-04T09:05:31Z"),
    ("1.3.0", "early", "12.0", "2023-10-16T15:22:10Z"),
    ("1.4.0", "middle", "12.0", "2023-11-27T10:51:57Z"),
    ("1.5.0", "middle", "12.5", "2024-02-19T08:33:20Z"),
    ("1.6.0", "middle", "12.5", "2024-04-08T12:14:09Z"),
    ("1.9.0", "middle", "12.5", "2024-07-15T16:45:38Z"),
    ("1.10.0", "late", "12.5", "2024-09-30T07:28:15Z"),
    ("2.0.0-rc.1", "late", "12.5", "2024-11-11T14:02:50Z"),
    ("2.0.0", "late", "12.5", "2024-12-09T09:19:26Z"),
    ("1.9.1", "middle", "12.5", "2025-02-03T18:37:41Z"),
    ("2.1.0", "current", "12.15", "2025-04-28T11:08:03Z"),
    ("nightly", "current", "12.15", "1970-01-01T00:00:00Z"),
)
"""Tag, generation of its Python packages, Debian release, time of the build: names, dates and order disagree."""


def repositories() -> dict[str, Repository]:
    """All repositories of the sample registry, by name."""
    return {
        "charts/portside": _chart(),
        "data/reports-python": _reports(),
        "legacy/intranet": _broken(),
        "platform/base-alpine": _base_alpine(),
        "platform/base-debian": _base_debian(),
        "shop/checkout-api": _checkout(),
        "shop/storefront": _storefront(),
        "web/node-gateway": _gateway(),
    }


def _storefront() -> Repository:
    repository = Repository()
    for tag, generation, release, created in STOREFRONT_TAGS:
        repository.tag(tag, repository.image([*_storefront_layers(generation, release), _app(tag)], created=created))
    repository.tags["stable"] = repository.tags["2.0.0"]
    return repository


def _storefront_layers(generation: str, release: str) -> list[Layer]:
    lowest = [_debian_base(release), _python_runtime(release)]
    if generation != "current":
        return [*lowest, _pip_install(python_packages.STOREFRONT[generation])]
    late, current = python_packages.STOREFRONT["late"], python_packages.STOREFRONT["current"]
    return [*lowest, _pip_install(late), _pip_upgrade(late, current)]


def _checkout() -> Repository:
    repository = Repository()
    builds = (
        ("1.0.0", "early", "12.0", "2023-08-14T10:00:05Z"),
        ("1.1.0", "early", "12.5", "2024-03-04T10:00:05Z"),
        ("2.0.0", "late", "12.15", "2025-01-20T10:00:05Z"),
    )
    for tag, generation, release, created in builds:
        layers = [_debian_base(release), _python_runtime(release), _pip_install(python_packages.CHECKOUT[generation])]
        repository.tag(tag, repository.image([*layers, _app(f"checkout-{tag}")], created=created))
    signed = repository.tags["2.0.0"]
    repository.tags["latest"] = signed
    signature = repository.artifact(
        "application/vnd.oci.image.config.v1+json",
        b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}',
        "application/vnd.dev.cosign.simplesigning.v1+json",
        f'{{"critical":{{"image":{{"docker-manifest-digest":"{signed}"}}}}}}'.encode(),
    )
    repository.tag(f"{signed.replace(':', '-')}.sig", signature)
    return repository


def _reports() -> Repository:
    repository = Repository()
    builds = (
        ("2023.2", "early", "12.0", "2023-09-11T05:30:00Z"),
        ("2024.1", "late", "12.5", "2024-04-22T05:30:00Z"),
        ("2024.4", "late", "12.15", "2024-12-02T05:30:00Z"),
    )
    for tag, generation, release, created in builds:
        packages = _pip_install(python_packages.REPORTS[generation], "opt/venv/lib/python3.11/site-packages")
        layers = [_debian_base(release), _python_runtime(release), packages, _app(f"reports-{tag}")]
        repository.tag(tag, repository.image(layers, created=created))
    return repository


def _gateway() -> Repository:
    repository = Repository()
    first = [_alpine_base("3.19.0"), _node_runtime("3.19.0"), _npm_ci("early"), _app("gateway-1.0.0")]
    repository.tag("1.0.0", repository.image(first, created="2024-01-08T17:45:12Z", docker=True))
    second = [_alpine_base("3.19.1"), _node_runtime("3.19.1"), _npm_ci("middle"), _app("gateway-2.0.0")]
    repository.tag("2.0.0", repository.image(second, created="2024-05-27T17:45:12Z"))
    third = [_alpine_base("3.19.4"), _node_runtime("3.19.4"), _npm_ci("late"), _app("gateway-3.0.0")]
    arm = [_node_runtime("3.19.4", arch="aarch64"), _npm_ci("late"), _app("gateway-3.0.0-arm64")]
    images = {
        "amd64": repository.image(third, created="2025-02-17T17:45:12Z"),
        "arm64": repository.image([_alpine_base("3.19.4"), *arm], created="2025-02-17T17:45:12Z", arch="arm64"),
    }
    attestation = repository.artifact(
        "application/vnd.oci.image.config.v1+json", b"{}", "application/vnd.in-toto+json", b'{"predicateType":"slsa"}'
    )
    index = repository.index(images, attestation)
    repository.tag("3.0.0", index)
    repository.tag("latest", index)
    return repository


def _base_debian() -> Repository:
    repository = Repository()
    dates = {"12.0": "2023-06-12T01:20:00Z", "12.5": "2024-02-13T00:37:00Z", "12.15": "2025-04-07T00:00:00Z"}
    for release in debian.RELEASES:
        repository.tag(release, repository.image([_debian_base(release)], created=dates[release]))
    repository.tags["bookworm"] = repository.tags["12.15"]
    return repository


def _base_alpine() -> Repository:
    repository = Repository()
    dates = {"3.19.0": "2023-12-08T01:20:49Z", "3.19.1": "2024-01-27T00:30:48Z", "3.19.4": "2024-09-06T22:20:08Z"}
    for release in alpine.OLDER:
        repository.tag(release, repository.image([_alpine_base(release)], created=dates[release]))
    repository.tags["latest"] = repository.tags["3.19.4"]
    return repository


def _chart() -> Repository:
    repository = Repository()
    layer = LayerBuilder()
    layer.file("portside/Chart.yaml", "apiVersion: v2\nname: portside\nversion: 0.3.0\n")
    chart = repository.artifact(
        "application/vnd.cncf.helm.config.v1+json",
        b'{"name":"portside","version":"0.3.0","apiVersion":"v2"}',
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        layer.build("").blob,
    )
    repository.tag("0.3.0", chart)
    return repository


def _broken() -> Repository:
    repository = Repository()
    layer = LayerBuilder()
    layer.file("etc/os-release", debian.OS_RELEASE)
    status = "\n".join(package.stanza() for package in debian.packages("12.0"))
    layer.file("var/lib/dpkg/status", status[:BROKEN_AT])
    layer.filler("srv/intranet", files=6, kib=300)
    built = layer.build("/bin/sh -c #(nop) ADD file:intranet-rootfs.tar in / ")
    repository.tag("2019.4", repository.image([built], created="2019-10-28T22:01:17Z", docker=True))
    return repository


@cache
def _debian_base(release: str) -> Layer:
    layer = LayerBuilder()
    debian.base_files(layer, release)
    return layer.build(f"/bin/sh -c #(nop) ADD file:debian-bookworm-{release}.tar in / ")


@cache
def _python_runtime(release: str) -> Layer:
    layer = LayerBuilder()
    debian.package_database(layer, debian.packages(release, extra=True))
    python_packages.install(layer, python_packages.RUNTIME)
    layer.filler("usr/local/lib/python3.11/lib-dynload", files=16, kib=900)
    return layer.build(
        "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates curl git "
        "openssh-client libpq5 libwebp7 libfreetype6 python3-six && make install # buildkit"
    )


@cache
def _pip_install(requirements: str, site_packages: str = python_packages.SITE_PACKAGES) -> Layer:
    layer = LayerBuilder()
    python_packages.install(layer, requirements, site_packages)
    layer.filler(f"{site_packages}/_{requirements.partition(' ')[0]}", files=8, kib=450)
    return layer.build("RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt # buildkit")


@cache
def _pip_upgrade(before: str, after: str) -> Layer:
    layer = LayerBuilder()
    kept = set(before.split()) & set(after.split())
    for pin in sorted(set(before.split()) - kept):
        python_packages.uninstall(layer, pin)
    python_packages.install(layer, " ".join(sorted(set(after.split()) - kept)))
    return layer.build("RUN /bin/sh -c pip install --no-cache-dir --upgrade -r requirements.txt # buildkit")


@cache
def _alpine_base(release: str) -> Layer:
    layer = LayerBuilder()
    alpine.base_files(layer, release)
    return layer.build(f"/bin/sh -c #(nop) ADD file:alpine-minirootfs-{release}.tar in / ")


@cache
def _node_runtime(release: str, arch: str = "x86_64") -> Layer:
    layer = LayerBuilder()
    layer.file(alpine.DATABASE, alpine.database(release, extra=True, arch=arch))
    node_packages.install(layer, "usr/local/lib", node_packages.RUNTIME)
    node_packages.install(layer, "usr/local/lib/node_modules/npm", node_packages.NPM_OWN)
    layer.filler(f"usr/local/bin/node-{arch}", files=10, kib=800)
    return layer.build("RUN /bin/sh -c apk add --no-cache libstdc++ curl libexpat && install-node 20.5.1 # buildkit")


@cache
def _npm_ci(generation: str) -> Layer:
    layer = LayerBuilder()
    node_packages.install(layer, "app", node_packages.GATEWAY[generation])
    return layer.build("RUN /bin/sh -c npm ci --omit=dev # buildkit")


@cache
def _app(name: str) -> Layer:
    layer = LayerBuilder()
    layer.file("app/start", f"#!/bin/sh\necho {name}\n", mode=0o755)
    layer.filler(f"app/{name}", files=4, kib=120)
    return layer.build("COPY . /app # buildkit")
