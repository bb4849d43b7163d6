import pytest

from synthgen.filters.said_data import mask_said


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ann.lee@example.com today", "write to [EMAIL] today"),
        ("my iban is gb12spfc66723974480868", "my iban is [IBAN]"),
        ("IBAN: IN60 SBK000000000000000A please", "IBAN: [IBAN] please"),
        ("card number 4716 9876 2234 1561.", "card number [CARD]."),
        ("the SSN is 123-45-6789", "the SSN is [SSN]"),
        ("Social Security number: 900 12 3456", "Social Security number: [SSN]"),
        ("account no. 3012345678 at the bank", "account no. [ACCOUNT] at the bank"),
        ("passport number P12345678", "passport number [ACCOUNT]"),
        ("phone +1-408-555-1234 now", "phone [PHONE] now"),
        ("called from 415-555-0100 today", "called from [PHONE] today"),
        ("password is 'Tiger!2024', thanks", "password is '[PASSWORD]', thanks"),
        ("password: hunter2x", "password: [PASSWORD]"),
    ],
)
def test_words_make_data_personal(text, masked):
    found, counts = mask_said(text)
    assert found == masked and sum(counts.values()) == 1
    assert mask_said(found) == (found, {}), "what is masked stays as it is"


@pytest.mark.parametrize(
    "text",
    [
        "A password should be long and hard to guess.",
        "Passwords must have 8 characters.",
        "He has 12 cards and an account of the year 1998.",
        "The IBAN has up to 34 characters.",
        "3 + 4567 = 4570, and 2.5e+10 is large",
        "cards 1, 2 and 3 of 52",
        "@home and user@ are no addresses",
        "DE12 is a road; AB12 CDEF is no number",
        "account for 30% of 2,000 cases",
    ],
)
def test_other_words_and_numbers_stay(text):
    assert mask_said(text) == (text, {})


def test_several_are_counted_by_kind():
    assert mask_said("a@b.de, c@d.fr, card 4716987622341561")[1] == {"email": 2, "card": 1}


def test_a_long_text_takes_linear_time():
    for part in ("a@", "card ", "password: ", "+1 2 3 4 ", "iban de12 ", "account number ", "1 "):
        mask_said(part * 10_000)
