"""The documentation's site: `python tools/dev.py docs` (`--help` has the options).

The way in: `command` reads the words, `laying_out` puts the pages, and what they are made of, into a folder, `building` has
the generator make the site of it. `shelf` knows which files of the work tree are pages, `links` leads from one page to another,
`made` writes what comes from other files than pages, `charts` what comes from measurements, and `sources` the packages as the
reference reads them.
"""
