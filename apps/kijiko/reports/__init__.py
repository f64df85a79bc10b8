"""What the town tells: to the law (`base_dates.py`, `unused.py`), to its people (`analysis.py`)."""
