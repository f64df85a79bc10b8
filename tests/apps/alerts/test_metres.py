"""A number is taken for metres only where it is some."""

from typing import Any

import pytest

from apps.alerts.metres import metres_of


@pytest.mark.parametrize(
    ("level", "metres"),
    [
        ({"value": 3.4}, 3.4),
        ({"value": 3.4, "unitCode": "MTR"}, 3.4),
        ({"value": 340, "unitCode": "CMT"}, 3.4),
        ({"value": 4070, "unitCode": "MMT"}, 4.07),
        ([{"value": 340, "unitCode": "CMT"}, {"value": 1, "datasetId": "urn:d"}], 3.4),
        ({"value": 11.2, "unitCode": "FOT"}, None),
        ({"value": 340, "unitCode": ["CMT"]}, None),
        ({"value": "3.4"}, None),
        ({"value": True}, None),
        ([], None),
        (None, None),
    ],
)
def test_level_is_told_in_metres_or_not_at_all(level: Any, metres: float | None):
    assert metres_of({"id": "urn:a:b", "waterLevel": level}) == metres
