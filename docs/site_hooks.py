"""Hooks of MkDocs: links from pages to other files of the repository.

On a forge such links work. The site has only docs/, so they lead to SOUK_REPOSITORY, such
as https://forge.example/souk/blob/main; without it, their text stays without a link. A link
to a file that does not exist fails the build.
"""

import os
import posixpath
import re

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown, page, config, files):
    top = os.path.dirname(config["config_file_path"])
    base = os.environ.get("SOUK_REPOSITORY", "").rstrip("/")

    def replace(match):
        text, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        if "://" in target or target.startswith("mailto:"):
            return match.group(0)
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), target))
        inside = path.removeprefix("docs/")
        if path.startswith("docs/") and files.get_file_from_path(inside) is not None and not files.get_file_from_path(inside).inclusion.is_excluded():
            return match.group(0)
        if not os.path.exists(os.path.join(top, path)):
            raise SystemExit(f"{page.file.src_path} links to {target}, which does not exist")
        return f"[{text}]({base}/{path}{anchor})" if base else text

    return LINK.sub(replace, markdown)
