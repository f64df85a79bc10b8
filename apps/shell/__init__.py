"""What all pages share: layout, look, languages, headers, and the pages that say what went wrong.

`headers.py` keeps pages to their own files, `language.py` chooses the language, `pages.py` renders;
`templates` and `static` hold the frame and its look, served under `/static/shell`.
"""
