"""Installed Python distributions as pip leaves them (dist-info folders), by generation of the invented services."""

from scans.demo.tarball import LayerBuilder

SITE_PACKAGES = "usr/local/lib/python3.11/site-packages"

RUNTIME = "pip==23.1.2 setuptools==65.5.1 wheel==0.40.0"
STOREFRONT = {
    "early": (
        "Django==3.2.0 asgiref==3.3.4 pytz==2021.1 sqlparse==0.4.1 requests==2.25.0 urllib3==1.26.4 "
        "chardet==3.0.4 idna==2.10 certifi==2020.12.5 Jinja2==2.11.2 MarkupSafe==1.1.1 Pillow==8.4.0 PyYAML==5.3 "
        "gunicorn==20.0.4 psycopg2==2.8.6"
    ),
    "middle": (
        "Django==3.2.18 asgiref==3.6.0 pytz==2023.3 sqlparse==0.4.3 requests==2.28.2 urllib3==1.26.14 idna==3.4 "
        "charset-normalizer==3.1.0 certifi==2022.12.7 Jinja2==3.1.2 MarkupSafe==2.1.2 Pillow==9.4.0 PyYAML==6.0 "
        "gunicorn==20.1.0 psycopg2==2.9.6"
    ),
    "late": (
        "Django==4.2.11 asgiref==3.8.1 sqlparse==0.4.4 requests==2.31.0 urllib3==2.0.7 idna==3.6 "
        "charset-normalizer==3.3.2 certifi==2024.2.2 Jinja2==3.1.3 MarkupSafe==2.1.5 pillow==10.1.0 PyYAML==6.0.1 "
        "gunicorn==21.2.0 psycopg==3.1.18"
    ),
    "current": (
        "Django==4.2.20 asgiref==3.8.1 sqlparse==0.5.3 requests==2.32.3 urllib3==2.3.0 idna==3.10 "
        "charset-normalizer==3.4.1 certifi==2025.1.31 Jinja2==3.1.6 MarkupSafe==3.0.2 pillow==11.1.0 PyYAML==6.0.2 "
        "gunicorn==23.0.0 psycopg==3.2.6"
    ),
}
CHECKOUT = {
    "early": (
        "Flask==2.2.2 Werkzeug==2.2.2 itsdangerous==2.1.2 click==8.1.3 Jinja2==3.1.2 MarkupSafe==2.1.1 "
        "requests==2.28.1 urllib3==1.26.12 idna==3.4 charset-normalizer==2.1.1 certifi==2022.9.24 "
        "cryptography==39.0.0 cffi==1.15.1 pycparser==2.21 gunicorn==20.1.0"
    ),
    "late": (
        "Flask==3.0.3 Werkzeug==3.0.3 itsdangerous==2.2.0 click==8.1.7 blinker==1.8.2 Jinja2==3.1.4 "
        "MarkupSafe==2.1.5 requests==2.32.3 urllib3==2.2.1 idna==3.7 charset-normalizer==3.3.2 certifi==2024.6.2 "
        "cryptography==42.0.8 cffi==1.16.0 pycparser==2.22 gunicorn==22.0.0"
    ),
}
REPORTS = {
    "early": (
        "numpy==1.24.2 pandas==1.5.3 python-dateutil==2.8.2 pytz==2022.7.1 lxml==4.9.0 aiohttp==3.8.4 "
        "aiosignal==1.3.1 frozenlist==1.3.3 multidict==6.0.4 yarl==1.8.2 attrs==22.2.0 async-timeout==4.0.2 "
        "charset-normalizer==3.1.0 idna==3.4 tornado==6.2 Pillow==9.4.0 Jinja2==3.1.2 MarkupSafe==2.1.2 "
        "certifi==2022.12.7 openpyxl==3.1.1 et-xmlfile==1.1.0"
    ),
    "late": (
        "numpy==1.26.4 pandas==2.2.1 python-dateutil==2.9.0 pytz==2024.1 tzdata==2024.1 lxml==5.1.0 "
        "aiohttp==3.9.3 aiosignal==1.3.1 frozenlist==1.4.1 multidict==6.0.5 yarl==1.9.4 attrs==23.2.0 idna==3.6 "
        "tornado==6.4 pillow==10.2.0 Jinja2==3.1.3 MarkupSafe==2.1.5 certifi==2024.2.2 openpyxl==3.1.2 "
        "et-xmlfile==1.1.0"
    ),
}


def install(layer: LayerBuilder, requirements: str, site_packages: str = SITE_PACKAGES) -> None:
    """Adds what `pip install` of these pins leaves that says what is installed."""
    for pin in requirements.split():
        name, _, version = pin.partition("==")
        folder = f"{site_packages}/{dist_info(name, version)}"
        layer.file(
            f"{folder}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n{name}, for demonstration.\n",
        )
        layer.file(f"{folder}/WHEEL", "Wheel-Version: 1.0\nGenerator: bdist_wheel (0.40.0)\nRoot-Is-Purelib: true\n")
        layer.file(f"{folder}/INSTALLER", "pip\n")
        layer.file(f"{folder}/RECORD", f"{dist_info(name, version)}/METADATA,,\n")


def uninstall(layer: LayerBuilder, pin: str, site_packages: str = SITE_PACKAGES) -> None:
    """Adds the whiteout that removing the distribution of a lower layer leaves."""
    name, _, version = pin.partition("==")
    layer.removed(f"{site_packages}/{dist_info(name, version)}")


def dist_info(name: str, version: str) -> str:
    """The folder's name (Python packaging, "Recording installed projects")."""
    return f"{name.replace('-', '_')}-{version}.dist-info"
