#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether each link within the documentation leads somewhere: gi-docgen checks those to symbols, not those to pages."""

import html.parser
import os
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links = set()
        self.ids = set()
        with open(path, encoding='utf-8') as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key == 'id':
                self.ids.add(value.replace('_', '-'))
            elif key == 'href' and tag == 'a' and value:
                self.links.add(value)


def main(folder):
    pages = {name: Page(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith('.html')}
    broken = []
    n_links = 0
    for name, page in sorted(pages.items()):
        for link in sorted(page.links):
            url = urllib.parse.urlparse(link)
            if url.scheme or url.netloc:
                continue
            n_links += 1
            target = os.path.normpath(url.path) if url.path else name
            if target not in pages:
                if not os.path.exists(os.path.join(folder, target)):
                    broken.append(f'{name}: {link}: no such page')
            # gi-docgen does not agree with itself on how "read_only" is written in a fragment.
            elif url.fragment and url.fragment.replace('_', '-') not in pages[target].ids:
                broken.append(f'{name}: {link}: no such place')
    print('1..1')
    for line in broken:
        print('#', line)
    print('not ok' if broken or not n_links else 'ok', '1 /docs/links/lead-somewhere')


if __name__ == '__main__':
    main(sys.argv[1])
