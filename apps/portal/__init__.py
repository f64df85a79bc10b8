"""The town's page: shelters, river, stage and bridge light, live.

`view.py` turns entities into what the page shows (pure), `hub.py` follows the broker,
`app.py` serves the page and its event stream. `developers.py` is the page for developers and its
files, from `catalogue.py`, `recipes.py`, `downloads.py` and `table.py`;
`models.py` browses the data models.
"""
