"""Learning rates: the base's own where the settings leave them open."""

from __future__ import annotations

from settings import TrainingSettings
from training.rates import LearningRates, learning_rates, least_steps


def test_the_english_base_and_all_others_learn_as_slowly_as_ever() -> None:
    expected = LearningRates(encoder=1.5e-4, head=1e-3, embeddings=3e-4)
    assert learning_rates(TrainingSettings(), "english") == expected
    assert learning_rates(TrainingSettings(), "google-bert/bert-base-chinese") == expected


def test_the_multilingual_base_learns_faster() -> None:
    rates, others = learning_rates(TrainingSettings(), "multilingual"), LearningRates()
    assert rates.encoder > others.encoder and rates.head > others.head


def test_a_rate_that_is_given_counts_for_every_base() -> None:
    settings = TrainingSettings(learning_rate=2e-5, head_learning_rate=1e-4, embedding_learning_rate=0)
    assert learning_rates(settings, "multilingual") == LearningRates(2e-5, 1e-4, 0)


def test_small_catalogues_train_longer_on_the_multilingual_base_unless_a_number_is_given() -> None:
    assert least_steps(TrainingSettings(), "multilingual") > least_steps(TrainingSettings(), "english") == 300
    assert least_steps(TrainingSettings(min_steps=7), "multilingual") == 7
