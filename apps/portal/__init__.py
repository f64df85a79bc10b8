"""The town's page: river, stage, bridge light, level curves, shelters on a map, live.

`view.py` turns entities into what the page shows, `curve.py` and `town_map.py` into drawings (all
pure); `hub.py` follows the broker, `state.py` and `levels.py` keep what it hears; `pages.py`
renders the page and its light copy, `app.py` serves them with the event stream. `level_page.py`
shows a gauge over any period (`periods.py`, `figures.py`, `period_curve.py`), `past_page.py` the
town at a moment (`past.py`, `past_view.py`); `kept.py` asks the broker once for all.
`developers.py` is the page for developers and its files, from `catalogue.py`, `recipes.py`,
`downloads.py` and `table.py`; `models.py` browses the data models.
"""
