import pytest

from rank_retrieve.analysis.apostrophes import RULES


@pytest.mark.parametrize(
    ("rule", "term", "left"),
    [
        ("keep", "c'hoazh", "c'hoazh"),
        ("possessive", "dog's", "dog"),
        ("possessive", "o'brien", "o'brien"),
        ("possessive", "o'brien's", "o'brien"),
        ("suffix", "istanbul'da", "istanbul"),
        ("french", "l'homme", "homme"),
        ("french", "aujourd'hui", "aujourd'hui"),
        ("french", "qu'aujourd'hui", "aujourd'hui"),
        ("italian", "dell'arte", "arte"),
        ("catalan", "l'home", "home"),
        ("irish", "d'ól", "ól"),
    ],
)
def test_each_language_reads_the_apostrophe_in_its_way(rule, term, left):
    assert RULES[rule](term) == left
