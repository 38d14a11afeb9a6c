"""Installed Node packages as npm leaves them (node_modules folders), by generation of the invented gateway."""

import json

from scans.demo.tarball import LayerBuilder

RUNTIME = "npm@9.8.1 corepack@0.20.0"
NPM_OWN = "semver@7.5.4 tar@6.1.15 glob@10.2.7 minimatch@9.0.3 ip@2.0.0"
"""What npm itself carries below usr/local/lib/node_modules/npm/node_modules."""

GATEWAY = {
    "early": (
        "express@4.16.0 body-parser@1.18.2 qs@6.5.1 path-to-regexp@0.1.7 send@0.16.1 cookie@0.3.1 lodash@4.17.15 "
        "minimist@1.2.0 axios@0.21.0 follow-redirects@1.13.0 jsonwebtoken@8.5.1 semver@5.7.1 ws@7.4.0 "
        "node-fetch@2.6.0 moment@2.29.1 json5@2.2.0 ansi-regex@5.0.0 glob-parent@5.1.1 braces@3.0.2 ejs@3.1.6 "
        "@babel/traverse@7.12.5 @babel/core@7.12.3 @hapi/hoek@9.1.0"
    ),
    "middle": (
        "express@4.18.2 body-parser@1.20.1 qs@6.11.0 path-to-regexp@0.1.7 send@0.18.0 cookie@0.5.0 lodash@4.17.21 "
        "minimist@1.2.8 axios@1.4.0 follow-redirects@1.15.2 jsonwebtoken@9.0.0 semver@7.5.1 ws@8.13.0 "
        "node-fetch@2.6.11 moment@2.29.4 json5@2.2.3 ansi-regex@5.0.1 braces@3.0.2 ejs@3.1.9 @babel/traverse@7.21.5 "
        "@babel/core@7.21.8 @hapi/hoek@11.0.2"
    ),
    "late": (
        "express@4.21.2 body-parser@1.20.3 qs@6.13.0 path-to-regexp@0.1.12 send@0.19.0 cookie@0.7.1 "
        "lodash@4.17.21 minimist@1.2.8 axios@1.7.9 follow-redirects@1.15.9 jsonwebtoken@9.0.2 semver@7.6.3 "
        "ws@8.18.0 node-fetch@2.7.0 json5@2.2.3 ansi-regex@5.0.1 braces@3.0.3 ejs@3.1.10 @babel/traverse@7.26.4 "
        "@babel/core@7.26.0 @hapi/hoek@11.0.7"
    ),
}


def install(layer: LayerBuilder, root: str, packages: str) -> None:
    """Adds `packages` (name@version, blank-separated) as folders of `root`/node_modules."""
    for pin in packages.split():
        name, _, version = pin.rpartition("@")
        document = {"name": name, "version": version, "license": "MIT", "main": "index.js"}
        layer.file(f"{root}/node_modules/{name}/package.json", json.dumps(document, indent=2) + "\n")
        layer.file(f"{root}/node_modules/{name}/index.js", f"// {name}, for demonstration.\n")
