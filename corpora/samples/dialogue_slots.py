"""The values in sample dialogues: days, times, places, prices and names, and reasons to change or refuse them.

Every reason ends in -서, which fits every speech level.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = Mapping[str, tuple[str, ...]]  # speech style -> phrasings


@dataclass(frozen=True)
class Slot:
    """One detail to agree on. A changed value comes from the same group; a side without reasons never changes it."""

    groups: tuple[tuple[str, ...], ...]
    asker_why: tuple[str, ...] = ()
    other_why: tuple[str, ...] = ()
    rising: bool = False  # an ordered group, such as prices: the asker proposes lower values


@dataclass(frozen=True)
class Topic:
    """One kind of conversation.

    `summaries` maps an outcome to two wordings, the first for dialogues that the asker opens and the second for those
    that the other side opens, so that the subject is always `#Person1#`. Other outcomes do not occur.
    """

    slots: Mapping[str, Slot]
    ask: Lines
    summaries: Mapping[str, tuple[str, str]]
    refuse_why: tuple[str, ...]
    cancel_why: tuple[str, ...] = ()
    phrases: Mapping[str, Lines] = field(default_factory=dict)  # instead of those in COMMON


def values_in(text: str, separator: str | None = "|") -> tuple[str, ...]:
    """Splits `text` at the separator, or at whitespace if it is None."""
    return tuple(option.strip() for option in text.split(separator))


SURNAMES = values_in("김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 홍 문 배 백 남궁", None)
GIVEN_NAMES = values_in(
    """민수 지은 서준 하윤 도윤 서연 예준 지우 시우 하은 주원 수아 지호 지아 준서 다은 건우 채원 현우 예은 우진 소율
    선우 지민 연우 유나 민재 가은 정우 하린 승민 나연 준혁 보라 태윤 은채 동현 세영 상훈 미정 성민 혜진 영호 수진
    재현 은지 기훈 정아 병철 소영 규리 찬호 다솔 한결 슬기 진솔 새롬 경수 인영 창민 해인 태호 유진 나래 준영 시현
    아린 도현 지훈 하늘 은별 바름""",
    None,
)

WEEK = tuple(f"{day}요일" for day in "월화수목금")
WORKDAYS = WEEK + tuple(f"다음 주 {day}" for day in WEEK)
NEXT_DAYS = tuple(f"다음 주 {day}요일" for day in "월화수목금토일")
DAYS = (*WEEK, "토요일", "일요일", *NEXT_DAYS, "12일", "15일", "18일", "21일", "27일")
DAYTIME = values_in(
    """오전 아홉 시 반 | 오전 열 시 | 오전 열 시 반 | 오전 열한 시 | 오후 한 시 | 오후 한 시 반 | 오후 두 시 |
    오후 두 시 반 | 오후 세 시 | 오후 세 시 반 | 오후 네 시 | 오후 네 시 반 | 오후 다섯 시"""
)
EVENING = ("오후 다섯 시 반", "저녁 여섯 시", "저녁 여섯 시 반", "저녁 일곱 시", "저녁 일곱 시 반", "저녁 여덟 시")
PRICES = ("이만 원", "삼만 원", "사만 원", "오만 원", "육만 원", "칠만 원", "팔만 원", "구만 원")
SPOTS = values_in(
    """강남역 | 홍대입구역 | 서울역 | 시청 앞 | 중앙 서점 | 학교 정문 | 한강 공원 | 도서관 앞 | 버스 터미널 |
    동네 카페 | 우체국 앞 | 백화점 입구 | 분수 광장 | 시장 입구"""
)

BUSY_DAY = values_in(
    """가족 모임이 있어서 | 할머니 생신이라서 | 치과에 가야 해서 | 면접이 있어서 | 친척 결혼식이 있어서 |
    동호회 모임이 있어서 | 이사를 도와야 해서 | 출장을 가야 해서"""
)
BUSY_TIME = values_in(
    """다른 일정이 있어서 | 길이 많이 막혀서 | 은행에 들러야 해서 | 동생을 데리러 가야 해서 | 수업이 겹쳐서 |
    병원에 들러야 해서 | 손님이 오셔서"""
)
BAD_PLACE = ("너무 멀어서", "사람이 너무 많아서", "길이 복잡해서", "공사 중이라서", "너무 시끄러워서")
MEAL_WHY = ("손님이 오셔서", "병원에 들러야 해서", "회식이 잡혀서", "은행에 들러야 해서")
FULL_DAY = ("예약이 다 차서", "정기 휴일이라서", "단체 행사가 있어서", "담당자가 쉬는 날이라서")
FULL_TIME = ("예약이 다 차서", "다른 손님이 먼저 예약하셔서", "직원 교육이 있어서", "점검 시간이라서")

ILL_OR_BUSY = values_in(
    """감기에 걸려서 | 갑자기 야근을 하게 돼서 | 발목을 다쳐서 | 부모님 댁에 가야 해서 | 급한 일이 생겨서 |
    몸살이 나서 | 집에 일이 생겨서"""
)
NO_ROOM = ("요즘 너무 바빠서", "시험이 코앞이라서", "이번 달에 돈이 없어서", "몸이 안 좋아서", "다른 약속이 많아서")


def free_days(days: tuple[str, ...] = DAYS) -> Slot:
    """Returns a slot for a day between two people, both of whom may be busy."""
    return Slot((days,), BUSY_DAY, BUSY_DAY)


def free_times(times: tuple[str, ...]) -> Slot:
    """Returns a slot for a time between two people, both of whom may be busy."""
    return Slot((times,), BUSY_TIME, BUSY_TIME)


def booked_days(days: tuple[str, ...] = DAYS) -> Slot:
    """Returns a slot for a day at a business, which may be fully booked."""
    return Slot((days,), BUSY_DAY, FULL_DAY)


def booked_times(times: tuple[str, ...]) -> Slot:
    """Returns a slot for a time at a business, which may be fully booked."""
    return Slot((times,), BUSY_TIME, FULL_TIME)


def places(options: tuple[str, ...]) -> Slot:
    """Returns a slot for a meeting place, which both sides may reject."""
    return Slot((options,), BAD_PLACE, BAD_PLACE)


def fixed(values: str) -> Slot:
    """Returns a slot that never changes, from values separated by |."""
    return Slot((values_in(values),))
