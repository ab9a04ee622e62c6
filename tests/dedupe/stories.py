"""Invented stories, and the edits that agencies' customers make to them."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from dedupe import Document

HARBOUR = """\
The harbour of Nordhaven will close for eleven days in March while divers replace the gates of its \
oldest lock, the port authority said on Tuesday.
Around forty fishing boats are to move to the neighbouring town of Skarvik, where the council has \
cleared two quays and hired a night watchman. Ferries to the outer islands will leave from the grain \
terminal instead.
"We would rather lose a fortnight in spring than a whole summer," said harbour master Ingrid Tolle. The \
gates, built of oak and iron, have leaked since a barge struck them during the storm of last October.
The repair costs nine million crowns, half of it paid by the province. Fishermen complained that nobody \
had asked them, and that ice in Skarvik is sold at twice the price.
The authority promised to pay the difference. It also said that the old oak would not be thrown away: a \
boatyard will make benches of it for the new promenade.
Environmental inspectors found eels living behind the eastern gate and asked for a trap to be set before \
the water is pumped out. Volunteers from the angling club have offered to carry the animals across by \
hand.
If the weather holds, the first ship is expected through the new gates on the second Sunday of April, \
with a brass band on the pier and free soup for children.
"""

LIBRARY = """\
A travelling library that stopped running nine years ago is to return to the valley villages of Orrel, \
after a retired bus driver restored its engine in his barn.
Marten Duif, seventy, said he had grown tired of looking at the vehicle through his kitchen window. His \
grandson painted the shelves, and a school in the market town gave four hundred books that it no longer \
had room for.
The route follows the river every Thursday and turns around at the chapel. Readers may keep a book for a \
month, and there are no fines, because Duif does not believe in them.
The council will pay for diesel and insurance until the end of next year. After that it wants to know \
how many people have borrowed something and what they thought of the coffee, which is served from a \
hatch at the back.
Schoolteachers hope that children will again read during the long bus ride home, which takes an hour in \
winter.
"""

WEATHER = """\
Here is the outlook for {town} and the hills around it. The day begins with fog in the valleys and {sky} \
above. Temperatures climb to {high} degrees in the afternoon and fall to {low} degrees at night. The \
wind comes from the {wind} with gusts of {gust} kilometres an hour. The chance of rain is {rain} \
percent. The sun rises at {rise} and sets at {set}. Hikers should carry a map, as paths above the tree \
line may be icy. The next outlook will be published this evening by our weather desk.
"""

JAPANESE = (
    "港の水門は古く、三月に十一日間閉鎖されることになった。漁船は隣町の岸壁に移り、夜警が雇われた。"
    "港長は、夏を失うより春の二週間を失うほうがよいと述べた。修理には九百万かかり、県が半分を負担する。"
    "漁師たちは相談がなかったと不満を語り、氷の値段が二倍だと訴えた。古い木材は捨てずに長椅子に作り直される。"
)
JAPANESE_OTHER = (
    "九年前に止まった移動図書館が谷の村々に戻ってくる。元運転手が納屋で機関を直した。"
    "孫が棚を塗り、町の学校が四百冊の本を贈った。毎週木曜日に川沿いを走り、礼拝堂の前で折り返す。"
    "読者は一か月借りることができ、罰金はない。町は来年の末まで燃料と保険の費用を払う予定である。"
)
THAI = (
    "ประตูน้ำเก่าแก่ของท่าเรือจะปิดเป็นเวลาสิบเอ็ดวันในเดือนมีนาคมเพื่อซ่อมแซม "
    "เรือประมงราวสี่สิบลำต้องย้ายไปยังเมืองข้างเคียงซึ่งได้เตรียมท่าเทียบเรือไว้สองแห่ง "
    "นายท่ากล่าวว่ายอมเสียเวลาสองสัปดาห์ในฤดูใบไม้ผลิดีกว่าเสียทั้งฤดูร้อน"
)


def document(id: str, outlet: str = "nordhaven-post", day: int = 1) -> Document:
    return Document(id=id, outlet=outlet, published_at=datetime(2031, 3, day, tzinfo=UTC))


def weather(seed: int, town: str = "Orrel") -> str:
    draw = random.Random(seed)
    return WEATHER.format(
        town=town,
        sky=draw.choice(["a clear sky", "high clouds", "some haze"]),
        high=draw.randint(11, 35),
        low=draw.randint(-9, 10),
        wind=draw.choice(["north", "west", "south"]),
        gust=draw.randint(36, 99),
        rain=draw.randint(5, 95),
        rise=f"5:{draw.randint(10, 59)}",
        set=f"20:{draw.randint(10, 59)}",
    )


def invented(seed: int, words: int = 200) -> str:
    """Words of two to four syllables in sentences; two seeds share next to no three words in a row."""
    draw = random.Random(seed)
    spoken = ["".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(2, 4))) for _ in range(words)]
    return " ".join(word + "." if place % 12 == 11 else word for place, word in enumerate(spoken))


_SYLLABLES = [first + second for first in "bdfgklmnprstv" for second in ("a", "e", "i", "o", "u", "an", "er")]


def cut(text: str, share: float) -> str:
    """From the bottom, as agencies' stories are cut."""
    words = text.split(" ")
    return " ".join(words[: int(len(words) * share)])


def with_words_changed(text: str, every: int, seed: int = 0) -> str:
    changed = invented(seed + 1_000_000, words=len(text.split())).replace(".", "").split()
    return " ".join(
        other if place % every == every - 1 else word
        for place, (word, other) in enumerate(zip(text.split(), changed, strict=True))
    )
