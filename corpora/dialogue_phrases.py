"""The words of the sample dialogues: names, values, reasons, and the phrasings of every turn and summary.

Only tables; `corpora.dialogues` puts them together. In a pattern, `{day:은/는}` is the value of the slot `day` with
the particle its last syllable asks for, the form after a final consonant written first. `{a}` is who asks, `{b}` or
`{desk}` who answers, `{why}` a reason ending in -서, which fits every speech level.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Lines = Mapping[str, tuple[str, ...]]  # speech style -> phrasings


@dataclass(frozen=True)
class Slot:
    """One thing to settle. A changed value comes from the same group; without reasons a side never changes it."""

    groups: tuple[tuple[str, ...], ...]
    asker_why: tuple[str, ...] = ()
    other_why: tuple[str, ...] = ()
    rising: bool = False  # an ordered group, such as prices: who answers moves up a little, who asks down


@dataclass(frozen=True)
class Topic:
    """One kind of conversation.

    `summaries` maps an outcome to its two wordings: the first when the asker opens the dialogue, the second when the
    other side does, so that the subject is always `#Person1#`. An outcome without wordings does not happen.
    """

    slots: Mapping[str, Slot]
    ask: Lines
    summaries: Mapping[str, tuple[str, str]]
    refuse_why: tuple[str, ...]
    cancel_why: tuple[str, ...] = ()
    phrases: Mapping[str, Lines] = field(default_factory=dict)  # in place of COMMON's


def _options(text: str, separator: str | None = "|") -> tuple[str, ...]:  # None: at white space
    return tuple(option.strip() for option in text.split(separator))


SURNAMES = _options("김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 홍 문 배 백 남궁", None)
GIVEN = _options(
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
DAYTIME = _options(
    """오전 아홉 시 반 | 오전 열 시 | 오전 열 시 반 | 오전 열한 시 | 오후 한 시 | 오후 한 시 반 | 오후 두 시 |
    오후 두 시 반 | 오후 세 시 | 오후 세 시 반 | 오후 네 시 | 오후 네 시 반 | 오후 다섯 시"""
)
EVENING = ("오후 다섯 시 반", "저녁 여섯 시", "저녁 여섯 시 반", "저녁 일곱 시", "저녁 일곱 시 반", "저녁 여덟 시")
PRICES = ("이만 원", "삼만 원", "사만 원", "오만 원", "육만 원", "칠만 원", "팔만 원", "구만 원")
SPOTS = _options(
    """강남역 | 홍대입구역 | 서울역 | 시청 앞 | 중앙 서점 | 학교 정문 | 한강 공원 | 도서관 앞 | 버스 터미널 |
    동네 카페 | 우체국 앞 | 백화점 입구 | 분수 광장 | 시장 입구"""
)

BUSY_DAY = _options(
    """가족 모임이 있어서 | 할머니 생신이라서 | 치과에 가야 해서 | 면접이 있어서 | 친척 결혼식이 있어서 |
    동호회 모임이 있어서 | 이사를 도와야 해서 | 출장을 가야 해서"""
)
BUSY_TIME = _options(
    """다른 일정이 있어서 | 길이 많이 막혀서 | 은행에 들러야 해서 | 동생을 데리러 가야 해서 | 수업이 겹쳐서 |
    병원에 들러야 해서 | 손님이 오셔서"""
)
BAD_PLACE = ("너무 멀어서", "사람이 너무 많아서", "길이 복잡해서", "공사 중이라서", "너무 시끄러워서")
MEAL_WHY = ("손님이 오셔서", "병원에 들러야 해서", "회식이 잡혀서", "은행에 들러야 해서")
FULL_DAY = ("예약이 다 차서", "정기 휴일이라서", "단체 행사가 있어서", "담당자가 쉬는 날이라서")
FULL_TIME = ("예약이 다 차서", "다른 손님이 먼저 예약하셔서", "직원 교육이 있어서", "점검 시간이라서")

ILL_OR_BUSY = _options(
    """감기에 걸려서 | 갑자기 야근을 하게 돼서 | 발목을 다쳐서 | 부모님 댁에 가야 해서 | 급한 일이 생겨서 |
    몸살이 나서 | 집에 일이 생겨서"""
)
NO_ROOM = ("요즘 너무 바빠서", "시험이 코앞이라서", "이번 달에 돈이 없어서", "몸이 안 좋아서", "다른 약속이 많아서")


def _free_days(days: tuple[str, ...] = DAYS) -> Slot:
    return Slot((days,), BUSY_DAY, BUSY_DAY)


def _free_times(times: tuple[str, ...]) -> Slot:
    return Slot((times,), BUSY_TIME, BUSY_TIME)


def _booked_days(days: tuple[str, ...] = DAYS) -> Slot:
    return Slot((days,), BUSY_DAY, FULL_DAY)


def _booked_times(times: tuple[str, ...]) -> Slot:
    return Slot((times,), BUSY_TIME, FULL_TIME)


def _places(places: tuple[str, ...]) -> Slot:
    return Slot((places,), BAD_PLACE, BAD_PLACE)


def _fixed(values: str) -> Slot:
    return Slot((_options(values),))


# The first line of a dialogue, the answer to it, and a request that follows small talk.
FIRST: Lines = {
    "casual": ("{call}, {line}", "{call}! {line}", "저기, {call}. {line}"),
    "polite": ("{call}, {line}", "{call}, 안녕하세요. {line}", "저, {call}. {line}"),
    "customer": (
        "안녕하세요, {desk:이죠/죠}? {line}",
        "여보세요, {desk:이죠/죠}? {line}",
        "거기 {desk:이죠/죠}? {line}",
    ),
    "staff": ("{line}",),
}
SECOND: Lines = {
    "casual": ("어, {call}. {line}", "아, {call}. {line}", "응, {call}. {line}"),
    "polite": ("네, {call}. {line}", "아, {call}. {line}", "아, 네, {call}. {line}"),
    "customer": ("안녕하세요. {line}", "네, 안녕하세요. {line}", "{line}"),
    "staff": ("네, {a} 님. {line}", "{a} 님, 안녕하세요. {line}"),
}
BY_THE_WAY: Lines = {
    "casual": ("참, {line}", "그나저나 {line}", "그건 그렇고 {line}"),
    "polite": ("참, {line}", "그나저나 {line}", "다름이 아니라 {line}"),
}

COMMON: Mapping[str, Lines] = {
    "lead": {
        "casual": ("아까 전화했지? 무슨 일이야?", "할 얘기가 있다더니 뭐야?", "나 찾았다며? 말해 봐."),
        "polite": ("아까 전화하셨죠? 무슨 일이세요?", "하실 말씀이 있다고 들었어요.", "저를 찾으셨다면서요?"),
        "staff": (
            "안녕하세요, {desk}입니다. 무엇을 도와드릴까요?",
            "네, {desk}입니다. 말씀하세요.",
            "전화 주셔서 감사합니다. {desk}입니다.",
        ),
    },
    "agree": {
        "casual": ("좋아, 그렇게 하자.", "그거 좋네. 그러자.", "난 다 괜찮아. 그렇게 해."),
        "polite": ("좋아요, 그렇게 해요.", "저는 다 괜찮아요. 그렇게 하죠.", "그거 좋네요. 그럽시다."),
        "staff": (
            "가능합니다. 그렇게 준비하겠습니다.",
            "확인했습니다. 그대로 해 드리겠습니다.",
            "알겠습니다. 접수했습니다.",
        ),
    },
    "counter": {
        "casual": (
            "{old:은/는} {why} 안 될 것 같아. {new:은/는} 어때?",
            "{why} {old:은/는} 좀 그래. {new:은/는} 괜찮아?",
            "{old:은/는} {why} 힘들어. {new:으로/로} 하면 안 될까?",
            "{why} {old}보다 {new:이/가} 낫겠어. 괜찮지?",
        ),
        "polite": (
            "{old:은/는} {why} 좀 어려워요. {new:은/는} 어떠세요?",
            "{why} {old:은/는} 곤란해요. {new:은/는} 괜찮으세요?",
            "{old:은/는} {why} 힘들어요. {new:으로/로} 하면 안 될까요?",
            "{why} {old}보다 {new:이/가} 나을 것 같아요. 어떠세요?",
        ),
        "customer": (
            "{old:은/는} {why} 어려운데요. {new:은/는} 가능할까요?",
            "{why} {old:은/는} 안 돼요. {new:으로/로} 해 주실 수 있나요?",
            "{old:은/는} {why} 곤란해요. {new:은/는} 안 될까요?",
        ),
        "staff": (
            "죄송하지만 {old:은/는} {why} 어렵습니다. {new:은/는} 어떠세요?",
            "{why} {old:은/는} 힘듭니다. {new:은/는} 괜찮으십니까?",
            "{old:은/는} {why} 안 됩니다. 대신 {new:으로/로} 해 드릴까요?",
        ),
    },
    "bridge": {
        "casual": ("그건 좋아. 그런데 {line}", "그래, 근데 {line}"),
        "polite": ("그건 좋아요. 그런데 {line}", "그렇게 해요. 다만 {line}"),
        "customer": ("네, 좋아요. 그런데 {line}", "그건 괜찮아요. 다만 {line}"),
        "staff": ("네, 가능합니다. 다만 {line}", "그건 알겠습니다. 그런데 {line}"),
    },
    "suggest": {
        "casual": ("{old} 말고 {new:은/는} 어때?", "혹시 {new:은/는} 안 될까?", "{new:이/가} 더 낫지 않아?"),
        "polite": ("{old} 말고 {new:은/는} 어떠세요?", "혹시 {new:은/는} 안 될까요?", "{new:이/가} 더 낫지 않을까요?"),
        "customer": ("혹시 {old} 대신 {new:도/도} 되나요?", "혹시 {new:은/는} 안 될까요?"),
        "staff": ("혹시 {old} 대신 {new:은/는} 어떠십니까?", "{new:은/는} 어떠세요? 더 여유가 있습니다."),
    },
    "keep": {
        "casual": (
            "{new:은/는} {why} 안 돼. 그냥 {old:으로/로} 하자.",
            "{why} {new:은/는} 힘들어. 원래대로 {old:으로/로} 하자.",
            "{new:은/는} {why} 곤란해. 처음 말한 대로 하자.",
        ),
        "polite": (
            "{new:은/는} {why} 안 돼요. 그냥 {old:으로/로} 해요.",
            "{why} {new:은/는} 힘들어요. 원래대로 {old:으로/로} 해요.",
            "{new:은/는} {why} 곤란해요. 처음 말한 대로 하죠.",
        ),
        "customer": (
            "{new:은/는} {why} 안 돼요. 그냥 {old:으로/로} 해 주세요.",
            "{why} {new:은/는} 어려워요. 처음 말씀드린 대로 해 주세요.",
        ),
        "staff": (
            "{new:은/는} {why} 어렵습니다. 원래대로 {old:으로/로} 해 드리겠습니다.",
            "죄송하지만 {new:은/는} {why} 안 됩니다. 처음 말씀하신 대로 하겠습니다.",
        ),
    },
    "correct": {
        "casual": (
            "아, 잠깐. {old:은/는} {why} 안 되겠다. {new:으로/로} 바꾸고 싶어.",
            "미안, {why} {old} 말고 {new:으로/로} 해야겠어.",
            "앗, 생각해 보니 {why} {old:은/는} 안 돼. {new:으로/로} 할게.",
        ),
        "polite": (
            "아, 잠깐만요. {old:은/는} {why} 안 되겠어요. {new:으로/로} 바꾸고 싶어요.",
            "죄송해요, {why} {old} 말고 {new:으로/로} 해야겠어요.",
            "앗, 생각해 보니 {why} {old:은/는} 안 돼요. {new:으로/로} 할게요.",
        ),
        "customer": (
            "죄송한데 {why} {old}에서 {new:으로/로} 바꿀 수 있을까요?",
            "아, {old} 말고 {new:으로/로} 해 주세요. {why}요.",
            "잠깐만요, {why} {old} 대신 {new:으로/로} 부탁드려요.",
        ),
        "staff": (
            "아, 죄송합니다. 다시 보니 {old:은/는} {why} 안 됩니다. {new:으로/로} 해 드리겠습니다.",
            "잠시만요. {why} {old} 대신 {new:으로/로} 바꿔 드려야 합니다.",
        ),
    },
    "settle": {
        "casual": (
            "그래, 그럼 {new:으로/로} 하자.",
            "응, {new:이/가} 좋겠다.",
            "알았어, {new:으로/로} 알고 있을게.",
            "좋아, 그렇게 하자.",
            "응, 그게 낫겠다.",
            "그래, 난 상관없어.",
        ),
        "polite": (
            "네, 그럼 {new:으로/로} 해요.",
            "네, {new:이/가} 좋겠네요.",
            "알겠어요, {new:으로/로} 알고 있을게요.",
            "좋아요, 그렇게 하죠.",
            "네, 그게 낫겠네요.",
            "네, 저는 상관없어요.",
        ),
        "customer": (
            "네, {new:으로/로} 부탁드려요.",
            "그럼 {new:으로/로} 할게요.",
            "네, 그렇게 해 주세요.",
            "괜찮아요, 그렇게 할게요.",
            "어쩔 수 없죠. 그렇게 해요.",
        ),
        "staff": (
            "네, {new:으로/로} 해 드렸습니다.",
            "알겠습니다, {new:으로/로} 적어 두었습니다.",
            "네, 그렇게 해 드리겠습니다.",
            "네, 알겠습니다. 걱정하지 마세요.",
        ),
    },
    "refuse": {
        "casual": ("미안한데 {why} 이번에는 어려워.", "정말 미안해. {why} 안 되겠어.", "어쩌지, {why} 힘들 것 같아."),
        "polite": (
            "죄송하지만 {why} 이번에는 어려워요.",
            "미안해요. {why} 안 되겠어요.",
            "어쩌죠, {why} 힘들 것 같아요.",
        ),
        "staff": ("죄송하지만 {why} 이번에는 어렵습니다.", "죄송합니다. {why} 해 드릴 수 없습니다."),
    },
    "cancel": {
        "casual": (
            "미안, {why} 이번에는 취소할게.",
            "어떡하지, {why} 없던 일로 해야겠어.",
            "아, {why} 취소해야 할 것 같아.",
        ),
        "polite": ("죄송해요. {why} 취소해야겠어요.", "어떡하죠, {why} 없던 일로 해야겠어요."),
        "customer": ("죄송한데 {why} 취소하고 싶어요.", "방금 한 거 취소해 주세요. {why}요."),
    },
    "yield": {
        "casual": ("괜찮아, 신경 쓰지 마.", "알았어, 어쩔 수 없지.", "아쉽지만 괜찮아."),
        "polite": ("괜찮아요, 신경 쓰지 마세요.", "알겠어요, 어쩔 수 없죠.", "아쉽지만 괜찮아요."),
        "customer": ("네, 알겠습니다.", "어쩔 수 없네요. 다음에 연락드릴게요."),
        "staff": ("네, 취소해 드렸습니다.", "알겠습니다. 다음에 또 연락 주세요."),
    },
    "thanks": {
        "casual": ("응, 고마워!", "다행이다. 고마워.", "정말 고마워. 덕분이야."),
        "polite": ("네, 고맙습니다.", "다행이네요. 감사해요.", "정말 고마워요. 덕분이에요."),
        "customer": ("네, 감사합니다.", "친절하게 해 주셔서 고맙습니다.", "네, 수고하세요."),
    },
    "bye": {
        "casual": ("그래, 나중에 또 얘기하자.", "응, 이따 메시지 보낼게.", "그래, 조심히 들어가."),
        "polite": ("네, 나중에 또 얘기해요.", "네, 이따 메시지 드릴게요.", "네, 조심히 들어가세요."),
        "staff": ("이용해 주셔서 감사합니다.", "네, 좋은 하루 보내세요.", "더 궁금하시면 전화 주세요."),
    },
}

# Talk beside the point, with days, hours and places of its own, so that seeing a value is not enough.
CHATS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "casual": (
        ("오늘 날씨 진짜 좋다.", "그러게, 산책하고 싶다."),
        ("어제 강남역에 사람이 정말 많더라.", "퇴근 시간이라 그랬나 봐."),
        ("지난 일요일에 부산 다녀왔어.", "부럽다. 재미있었겠네."),
        ("요즘 잠을 못 자서 피곤해.", "오늘은 열 시 전에 자."),
        ("어제 본 드라마 정말 재미있더라.", "마지막 장면이 최고였어."),
        ("이 신발 새로 샀는데 어때?", "잘 어울린다. 예뻐."),
        ("점심에 비빔밥 먹었는데 맛있더라.", "난 김밥만 먹었어."),
        ("감기는 다 나았어?", "거의 다 나았어. 걱정해 줘서 고마워."),
        ("아침에 버스를 놓쳐서 고생했어.", "내일은 일찍 나와."),
        ("저번 월요일 시험은 잘 봤어?", "생각보다 어려웠어."),
    ),
    "polite": (
        ("오늘 날씨가 참 좋네요.", "그러게요. 걷고 싶은 날이에요."),
        ("어제 서울역이 정말 붐비더라고요.", "연휴라서 그랬나 봐요."),
        ("지난 토요일에 강릉에 다녀왔어요.", "바다가 예뻤겠네요."),
        ("요즘 일이 많아서 피곤하네요.", "오늘은 여섯 시에 퇴근하세요."),
        ("점심에 먹은 우동이 맛있었어요.", "저도 다음에 먹어 볼게요."),
        ("감기는 다 나으셨어요?", "덕분에 많이 좋아졌어요."),
        ("아침에 지하철이 늦게 왔어요.", "그래서 다들 지각했군요."),
        ("아이가 벌써 학교에 들어갔어요.", "시간이 참 빠르네요."),
    ),
    "customer": (
        ("전화는 몇 시까지 받으세요?", "저녁 여덟 시까지 받습니다."),
        ("토요일에도 전화를 받으시나요?", "네, 토요일은 오전 열 시부터 받습니다."),
        ("확인 문자도 보내 주시나요?", "곧 문자로 보내 드리겠습니다."),
        ("전화 받으신 분 성함이 어떻게 되세요?", "저는 상담을 맡은 김하나입니다."),
        ("바뀌는 게 있으면 어떻게 하나요?", "하루 전에 이 번호로 전화 주세요."),
    ),
}

FAVOUR: Lines = {
    "casual": ("물론이지, 그렇게 해.", "좋아, 문제없어.", "그 정도는 괜찮아. 그렇게 할게."),
    "polite": ("물론이죠, 그렇게 하세요.", "좋아요, 문제없어요.", "그 정도는 괜찮아요. 그렇게 할게요."),
}
WAY_PHRASES: Mapping[str, Lines] = {
    "agree": {
        "casual": ("맞아, 그렇게 가면 돼.", "그 길이 제일 빨라.", "잘 아네. 그대로 가면 돼."),
        "polite": ("맞아요, 그렇게 가시면 돼요.", "그 길이 제일 빨라요.", "잘 아시네요. 그대로 가시면 돼요."),
    },
    "counter": {
        "casual": ("{old:은/는} {why} 별로야. {new:이/가} 나을 거야.", "{why} {old}보다 {new:이/가} 나을 것 같아."),
        "polite": (
            "{old:은/는} {why} 안 좋아요. {new:이/가} 나을 거예요.",
            "{why} {old}보다 {new:이/가} 나을 것 같아요.",
        ),
    },
    "keep": {
        "casual": (
            "{new:은/는} {why} 싫어. 그냥 {old:으로/로} 갈래.",
            "{why} {new:은/는} 별로야. 처음 말한 대로 갈래.",
        ),
        "polite": (
            "{new:은/는} {why} 싫어요. 그냥 {old:으로/로} 갈래요.",
            "{why} {new:은/는} 별로예요. 처음 말한 대로 갈래요.",
        ),
    },
    "correct": {
        "casual": (
            "아, 잠깐. {old:은/는} {why} 안 되겠다. {new:이/가} 낫겠어.",
            "생각해 보니 {why} {old} 말고 {new:이/가} 낫겠다.",
        ),
        "polite": (
            "아, 잠깐만요. {old:은/는} {why} 안 되겠어요. {new:이/가} 낫겠어요.",
            "생각해 보니 {why} {old} 말고 {new:이/가} 낫겠네요.",
        ),
    },
    "settle": {
        "casual": ("응, {new:이/가} 좋겠다.", "그래, 그게 낫겠다.", "알았어, {new:으로/로} 알고 있을게."),
        "polite": ("네, {new:이/가} 좋겠네요.", "그래요, 그게 낫겠어요.", "알겠어요, {new:으로/로} 알고 있을게요."),
    },
    "refuse": {
        "casual": ("미안, {why} 길을 잘 몰라.", "어쩌지, {why} 알려 주기 어려워."),
        "polite": ("죄송해요, {why} 길을 잘 몰라요.", "어쩌죠, {why} 알려 드리기 어려워요."),
    },
}

TOPICS: Mapping[str, Topic] = {
    "약속": Topic(
        slots={
            "day": _free_days(),
            "time": _free_times(DAYTIME[3:] + EVENING),
            "place": _places(SPOTS),
            "act": _fixed(
                """영화 보러 | 전시회 보러 | 야구 보러 | 배드민턴 치러 | 떡볶이 먹으러 | 냉면 먹으러 | 볼링 치러 |
                운동화 사러 | 책 사러 | 자전거 타러 | 꽃구경하러 | 빙수 먹으러"""
            ),
        },
        ask={
            "casual": (
                "{day} {time}에 {place}에서 만나서 {act} 갈래?",
                "{act} 가자. {day} {time}에 {place}에서 보자.",
                "우리 {day}에 {act} 가자. {time}에 {place} 어때?",
            ),
            "polite": (
                "{day} {time}에 {place}에서 만나서 {act} 가실래요?",
                "같이 {act} 가요. {day} {time}에 {place}에서 봬요.",
                "{day}에 {act} 갈까요? {time}에 {place}에서 뵈면 좋겠어요.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b:과/와} {day} {time}에 {place}에서 만나 {act} 가기로 했다.",
                "{b:은/는} {a:과/와} 함께 {act} 가려고 {day} {time}에 {place}에서 만나기로 했다.",
            ),
            "refused": (
                "{a:은/는} {day}에 {act} 가자고 했지만 {b:이/가} {why} 거절했다.",
                "{b:은/는} {why} {day}에 {act} 가자는 {a}의 제안을 거절했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b:과/와} {day}에 {act} 가려던 약속을 취소했다.",
                "{b:은/는} {a:이/가} {why} {day}에 {act} 가려던 약속을 취소하자 받아들였다.",
            ),
        },
        refuse_why=NO_ROOM,
        cancel_why=ILL_OR_BUSY,
    ),
    "식당 예약": Topic(
        slots={
            "desk": _fixed(
                """한빛식당 | 바다횟집 | 초록밥상 | 서울갈비 | 달빛주방 | 할매국밥 | 별난파스타 | 고향손칼국수"""
            ),
            "day": _booked_days(),
            "time": _booked_times(EVENING + DAYTIME[3:7]),
            "count": Slot(
                (("두 명", "세 명", "네 명", "다섯 명", "여섯 명", "여덟 명"),),
                asker_why=("인원이 바뀌어서", "같이 가는 사람이 바뀌어서", "인원을 잘못 세어서"),
            ),
            "seat": Slot(
                (("창가 자리", "조용한 방", "테라스 자리", "안쪽 자리"),),
                asker_why=("어른을 모시고 가서", "아이가 있어서", "생일잔치라서"),
                other_why=("이미 다 나가서", "공사 중이라서", "청소 중이라서"),
            ),
        },
        ask={
            "customer": (
                "{day} {time}에 {count} {seat:으로/로} 예약하고 싶어요. {a}입니다.",
                "{a:이라고/라고} 하는데요, {day} {time}에 {count}, {seat} 있나요?",
                "{day} {time} 예약이요. {count}이고 {seat:이면/면} 좋겠어요. {a}입니다.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {desk}에 {day} {time} {count} {seat:을/를} 예약했다.",
                "{desk} 직원은 {a}의 {day} {time} {count} {seat} 예약을 받았다.",
            ),
            "refused": (
                "{a:은/는} {desk}에 {day} {time} 자리를 예약하려 했지만 {why} 하지 못했다.",
                "{desk} 직원은 {why} {a}의 {day} {time} 예약을 받지 못했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {desk}의 {day} {time} 예약을 취소했다.",
                "{desk} 직원은 {a:이/가} {why} 그만둔 {day} {time} 예약을 취소해 주었다.",
            ),
        },
        refuse_why=("내부 수리 중이라서", "주방에 문제가 생겨서", "재료가 떨어져서", "가게가 이사해서"),
        cancel_why=ILL_OR_BUSY,
    ),
    "병원 예약": Topic(
        slots={
            "desk": _fixed("튼튼병원 | 햇살의원 | 우리병원 | 새봄의원 | 한마음병원 | 푸른의원"),
            "day": _booked_days(WORKDAYS),
            "time": _booked_times(DAYTIME),
            "doctor": Slot(
                (("김 선생님", "이 선생님", "박 선생님", "최 선생님", "윤 선생님", "한 선생님"),),
                asker_why=("다른 분께 진료를 받아 와서", "설명을 더 듣고 싶어서"),
                other_why=("휴진이라서", "학회에 가셔서", "수술이 있어서"),
            ),
            "care": _fixed(
                """충치 치료 | 시력 검사 | 감기 진료 | 물리 치료 | 건강 검진 | 피부 상담 | 독감 접종 | 혈액 검사"""
            ),
        },
        ask={
            "customer": (
                "{day} {time}에 {doctor}께 {care:을/를} 받고 싶어요. {a}입니다.",
                "{a:이라고/라고} 합니다. {care} 예약하려고요. {day} {time}, {doctor} 되나요?",
                "{care} 때문에 전화했어요. {doctor} {day} {time}에 되나요? {a}입니다.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {day} {time}에 {desk}에서 {doctor}에게 {care:을/를} 받기로 했다.",
                "{desk} 직원은 {a}의 {day} {time} {doctor} {care} 예약을 잡아 주었다.",
            ),
            "refused": (
                "{a:은/는} {desk}에서 {day} {care:을/를} 받으려 했지만 {why} 예약하지 못했다.",
                "{desk} 직원은 {why} {a}의 {day} {care} 예약을 받지 못했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {desk}의 {day} {care} 예약을 취소했다.",
                "{desk} 직원은 {a:이/가} {why} 그만둔 {day} {care} 예약을 취소해 주었다.",
            ),
        },
        refuse_why=("기계가 고장 나서", "당분간 휴진이라서", "예약 환자가 너무 많아서", "병원이 이사 중이라서"),
        cancel_why=("회사 일이 생겨서", "집 근처 병원에 가기로 해서", "출장을 가게 돼서", "아이가 아파서"),
    ),
    "반품": Topic(
        slots={
            "desk": _fixed("나래몰 | 다모아마켓 | 하루쇼핑 | 온누리상점 | 새싹마켓"),
            "day": Slot((DAYS,), BUSY_DAY, ("택배 기사님이 쉬셔서", "물류 센터가 쉬는 날이라서", "배송이 밀려 있어서")),
            "item": _fixed(
                """운동화 | 코트 | 원피스 | 모자 | 가방 | 이불 | 청소기 | 전기밥솥 |
                선풍기 | 블라우스 | 시계 | 장화 | 커튼 | 안경테"""
            ),
            "defect": _fixed(
                """색이 달라서 | 크기가 안 맞아서 | 흠집이 나 있어서 | 생각보다 무거워서 | 사진과 달라서 |
                냄새가 심해서 | 배송 중에 망가져서"""
            ),
            "wish": Slot(
                (("환불", "교환"),),
                asker_why=("마음이 바뀌어서", "급하게 써야 해서", "가족과 다시 상의해서"),
                other_why=("행사 상품이라서", "규정에 맞지 않아서", "본사 방침이 바뀌어서"),
            ),
        },
        ask={
            "customer": (
                "{a}입니다. {item:이/가} {defect} {wish:을/를} 받고 싶어요. {day}에 보낼게요.",
                "{item:을/를} 샀는데 {defect} {wish} 부탁드려요. {a:이고/고} {day}에 보내려고요.",
                "{a:이라고/라고} 해요. {item:이/가} {defect} {day}에 보낼 테니 {wish} 부탁드려요.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {defect} {item:을/를} {day}에 {desk}에 보내고 {wish:을/를} 받기로 했다.",
                "{desk} 직원은 {defect} {day}에 보내는 {a}의 {item:을/를} {wish}해 주기로 했다.",
            ),
            "refused": (
                "{a:은/는} {defect} {item} {wish:을/를} 원했지만 {desk:은/는} {why} 거절했다.",
                "{desk} 직원은 {why} {a}의 {item} {wish} 신청을 거절했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {desk}에 한 {item} {wish} 신청을 취소했다.",
                "{desk} 직원은 {a:이/가} {why} 그만둔 {item} {wish} 신청을 취소해 주었다.",
            ),
        },
        refuse_why=("기간이 지나서", "포장이 뜯어져 있어서", "사용한 흔적이 있어서", "주문 기록이 없어서"),
        cancel_why=("그냥 쓰기로 해서", "동생이 쓰겠다고 해서", "다시 보니 괜찮아서", "친구에게 주기로 해서"),
    ),
    "길 묻기": Topic(
        slots={
            "goal": _fixed(
                """시립 미술관 | 시민 회관 | 국립 극장 | 어린이 병원 | 과학관 | 축구장 | 동물원 | 한옥 마을"""
            ),
            "ride": Slot(
                (("지하철", "마을버스", "시내버스", "택시", "셔틀버스"),),
                asker_why=("멀미가 나서", "교통비가 많이 들어서", "너무 오래 기다려야 해서"),
                other_why=("길이 막혀서", "빙 돌아가서", "지금은 자주 안 와서", "시간이 오래 걸려서"),
            ),
            "stop": Slot(
                (("시청 앞", "우체국 앞", "도서관 앞", "시장 입구", "소방서 앞", "은행 사거리", "공원 후문"),),
                asker_why=("처음 가는 곳이라서", "길이 어두워서"),
                other_why=("너무 멀어서", "공사 중이라서", "많이 걸어야 해서", "길을 건너기 어려워서"),
            ),
        },
        ask={
            "casual": (
                "{goal} 가는 길 알아? {ride} 타고 {stop}에서 내리면 돼?",
                "{goal}에 가려는데 {ride:으로/로} 가서 {stop}에서 내리면 되지?",
                "나 지금 {goal} 가. {ride} 타고 {stop}에서 내리면 맞아?",
            ),
            "polite": (
                "{goal} 가는 길 아세요? {ride} 타고 {stop}에서 내리면 되나요?",
                "{goal}에 가려는데 {ride:으로/로} 가서 {stop}에서 내리면 될까요?",
                "지금 {goal}에 가요. {ride} 타고 {stop}에서 내리면 맞나요?",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b}에게 물어 {ride:을/를} 타고 {stop}에서 내려 {goal}에 가기로 했다.",
                "{b:은/는} {a}에게 {ride:을/를} 타고 {stop}에서 내려 {goal}에 가는 길을 알려 주었다.",
            ),
            "refused": (
                "{a:은/는} {goal} 가는 길을 물었지만 {b:은/는} {why} 알려 주지 못했다.",
                "{b:은/는} {why} {a}에게 {goal} 가는 길을 알려 주지 못했다.",
            ),
        },
        refuse_why=("가 본 지 오래돼서", "이사 온 지 얼마 안 돼서", "요즘 노선이 바뀌어서", "그쪽은 잘 안 가서"),
        phrases=WAY_PHRASES,
    ),
    "회의": Topic(
        slots={
            "agenda": _fixed(
                """예산 | 신제품 | 채용 | 광고 | 홍보 | 행사 준비 | 고객 만족 | 보안 | 연말 평가 | 디자인"""
            ),
            "day": Slot(
                (WORKDAYS,), ("출장이 잡혀서", "연차라서", "외부 교육이 있어서"), ("거래처에 가야 해서", "연차라서")
            ),
            "time": Slot(
                (DAYTIME,),
                ("다른 회의와 겹쳐서", "고객 전화가 있어서", "보고가 있어서"),
                ("다른 회의와 겹쳐서", "면접이 있어서", "손님이 오셔서"),
            ),
            "room": Slot(
                (("대회의실", "소회의실", "삼층 회의실", "오층 회의실", "휴게실", "본관 세미나실"),),
                ("화면이 고장 나서", "이미 예약돼 있어서", "너무 좁아서"),
                ("이미 예약돼 있어서", "너무 추워서", "공사 중이라서"),
            ),
        },
        ask={
            "polite": (
                "{agenda} 회의를 {day} {time}에 {room}에서 할까요?",
                "{day} {time}에 {room}에서 {agenda} 회의를 하려는데 괜찮으세요?",
                "{agenda} 회의 말인데요, {day} {time}, {room} 어떠세요?",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b:과/와} {agenda} 회의를 {day} {time}에 {room}에서 하기로 했다.",
                "{b:은/는} {a:과/와} {day} {time}에 {room}에서 {agenda} 회의를 하기로 했다.",
            ),
            "refused": (
                "{a:은/는} {day} {agenda} 회의를 제안했지만 {b:은/는} {why} 참석할 수 없다고 했다.",
                "{b:은/는} {why} {a:이/가} 제안한 {day} {agenda} 회의에 참석할 수 없다고 했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b:과/와} 하려던 {day} {agenda} 회의를 취소했다.",
                "{b:은/는} {a:이/가} {why} {day} {agenda} 회의를 취소하자 받아들였다.",
            ),
        },
        refuse_why=("휴가 중이라서", "마감이 급해서", "다른 부서로 옮겨서", "자료가 아직 없어서"),
        cancel_why=("갑자기 출장을 가게 돼서", "자료가 늦어져서", "일정이 바뀌어서", "거래처에 문제가 생겨서"),
    ),
    "여행": Topic(
        slots={
            "day": _free_days(),
            "goal": Slot(
                (("부산", "강릉", "여수", "속초", "통영", "포항"), ("전주", "경주", "공주", "안동", "남원", "부여")),
                ("작년에 다녀와서", "비가 온다고 해서", "숙소가 비싸서", "볼거리가 적어서"),
                ("지난달에 다녀와서", "숙소가 비싸서", "너무 멀어서", "사람이 많아서"),
            ),
            "ride": Slot(
                (("기차", "고속버스", "승용차", "관광버스"),),
                ("멀미가 나서", "너무 오래 걸려서", "비용이 많이 들어서"),
                ("피곤해서", "너무 오래 걸려서", "짐이 많아서"),
            ),
        },
        ask={
            "casual": (
                "{day}에 {goal:으로/로} 여행 가자. {ride:으로/로} 가면 어때?",
                "우리 {ride} 타고 {goal} 놀러 갈래? {day}에 떠나자.",
                "{goal} 여행 가고 싶어. {day}에 {ride:으로/로} 출발할까?",
            ),
            "polite": (
                "{day}에 {goal:으로/로} 여행 가실래요? {ride:으로/로} 가면 좋겠어요.",
                "같이 {ride} 타고 {goal} 놀러 가요. {day}에 떠나면 어때요?",
                "{goal} 여행 가고 싶은데요, {day}에 {ride:으로/로} 출발할까요?",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b:과/와} {day}에 {ride:을/를} 타고 {goal:으로/로} 여행을 가기로 했다.",
                "{b:은/는} {a:과/와} {goal} 여행을 {day}에 {ride:으로/로} 떠나기로 했다.",
            ),
            "refused": (
                "{a:은/는} {goal} 여행을 가자고 했지만 {b:이/가} {why} 거절했다.",
                "{b:은/는} {why} {goal} 여행을 가자는 {a}의 제안을 거절했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b:과/와} 가려던 {day} {goal} 여행을 취소했다.",
                "{b:은/는} {a:이/가} {why} {day} {goal} 여행을 취소하자 받아들였다.",
            ),
        },
        refuse_why=NO_ROOM,
        cancel_why=ILL_OR_BUSY,
    ),
    "과제와 시험": Topic(
        slots={
            "subject": _fixed(
                "수학 | 영어 | 물리 | 화학 | 국사 | 경제학 | 통계학 | 생물 | 심리학 | 일본어 | 중국어 | 철학"
            ),
            "task": _fixed("시험공부 | 조별 과제 | 발표 준비 | 숙제"),
            "day": _free_days(),
            "time": _free_times(DAYTIME + EVENING),
            "place": _places(("중앙 도서관", "스터디 카페", "학교 휴게실", "빈 강의실", "학생 식당", "동아리방")),
        },
        ask={
            "casual": (
                "{day} {time}에 {place}에서 {subject} {task} 같이 하자.",
                "{subject} {task} 같이 할래? {day} {time}에 {place} 어때?",
                "우리 {subject} {task} 말이야, {day} {time}에 {place}에서 할까?",
            ),
            "polite": (
                "{day} {time}에 {place}에서 {subject} {task} 같이 해요.",
                "{subject} {task} 같이 하실래요? {day} {time}에 {place} 어떠세요?",
                "우리 {subject} {task} 말인데요, {day} {time}에 {place}에서 할까요?",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b:과/와} {day} {time}에 {place}에서 {subject} {task:을/를} 함께 하기로 했다.",
                "{b:은/는} {a:과/와} {subject} {task:을/를} {day} {time}에 {place}에서 하기로 했다.",
            ),
            "refused": (
                "{a:은/는} {subject} {task:을/를} 같이 하자고 했지만 {b:이/가} {why} 거절했다.",
                "{b:은/는} {why} {subject} {task:을/를} 같이 하자는 {a}의 제안을 거절했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b:과/와} {day}에 하려던 {subject} {task:을/를} 취소했다.",
                "{b:은/는} {a:이/가} {why} {day}에 하려던 {subject} {task:을/를} 취소하자 받아들였다.",
            ),
        },
        refuse_why=("벌써 다 끝내서", "혼자 하는 게 편해서", "다른 조와 하기로 해서", "그 과목을 안 들어서"),
        cancel_why=ILL_OR_BUSY,
    ),
    "중고 거래": Topic(
        slots={
            "item": _fixed(
                """자전거 | 책상 | 의자 | 기타 | 냉장고 | 모니터 | 유모차 | 책장 |
                오븐 | 카메라 | 피아노 | 러닝머신 | 스피커 | 소파"""
            ),
            "price": Slot(
                (PRICES,), ("흠집이 있어서", "예산이 모자라서"), ("거의 새것이라서", "산 지 얼마 안 돼서"), rising=True
            ),
            "day": _free_days(),
            "place": _places(SPOTS),
        },
        ask={
            "casual": (
                "네가 파는 {item}, {price}에 살게. {day}에 {place}에서 볼까?",
                "{item} 아직 있어? {price}에 사고 싶어. {day}에 {place}에서 받을게.",
                "{day}에 {place}에서 {item} 받을 수 있어? {price} 낼게.",
            ),
            "polite": (
                "파시는 {item}, {price}에 살게요. {day}에 {place}에서 뵐까요?",
                "{item} 아직 있나요? {price}에 사고 싶어요. {day}에 {place}에서 받을게요.",
                "{day}에 {place}에서 {item} 받을 수 있을까요? {price} 드릴게요.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b}에게서 {item:을/를} {price}에 사기로 하고 {day}에 {place}에서 받기로 했다.",
                "{b:은/는} {a}에게 {item:을/를} {price}에 팔고 {day}에 {place}에서 건네기로 했다.",
            ),
            "refused": (
                "{a:은/는} {item:을/를} 사려고 했지만 {b:은/는} {why} 팔지 않기로 했다.",
                "{b:은/는} {why} {a}에게 {item:을/를} 팔지 않기로 했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b}에게서 {item:을/를} 사기로 한 거래를 취소했다.",
                "{b:은/는} {a:이/가} {why} {item} 거래를 취소하자 받아들였다.",
            ),
        },
        refuse_why=("이미 팔려서", "그냥 쓰기로 해서", "친구에게 주기로 해서", "갑자기 고장 나서"),
        cancel_why=("더 싼 것을 찾아서", "놓을 자리가 없어서", "선물로 받게 돼서", "가족이 반대해서"),
        phrases={"agree": FAVOUR},
    ),
    "빌리기": Topic(
        slots={
            "item": Slot(
                (
                    ("우산", "우비", "양산"),
                    ("노트북", "태블릿"),
                    ("카메라", "캠코더"),
                    ("드릴", "망치", "드라이버"),
                    ("캐리어", "배낭", "여행 가방"),
                    ("자전거", "킥보드"),
                    ("텐트", "그늘막", "돗자리"),
                    ("소설책", "만화책", "잡지"),
                    ("기타", "우쿨렐레"),
                    ("코트", "점퍼", "패딩"),
                ),
                ("쓰기 어려울 것 같아서", "들고 다니기 힘들어서"),
                ("고장 나서", "동생이 가져가서", "수리를 맡겨서", "지금 쓰고 있어서"),
            ),
            "place": _places(SPOTS),
            "day": Slot((DAYS,), ("그때까지 다 못 써서", "그날 못 만나서"), BUSY_DAY[:6]),
        },
        ask={
            "casual": (
                "{item} 좀 빌려줄래? {place}에서 받고 {day}에 돌려줄게.",
                "{place}에서 {item} 빌려줄 수 있어? {day}에 꼭 돌려줄게.",
                "{item:이/가} 필요해. {place}에서 빌려주면 {day}에 갚을게.",
            ),
            "polite": (
                "{item} 좀 빌려주실래요? {place}에서 받고 {day}에 돌려드릴게요.",
                "{place}에서 {item} 빌릴 수 있을까요? {day}에 꼭 돌려드릴게요.",
                "{item:이/가} 필요해요. {place}에서 빌려주시면 {day}에 돌려드릴게요.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b}에게 {place}에서 {item:을/를} 빌려 {day}에 돌려주기로 했다.",
                "{b:은/는} {a}에게 {place}에서 {item:을/를} 빌려주고 {day}에 돌려받기로 했다.",
            ),
            "refused": (
                "{a:은/는} {item:을/를} 빌려 달라고 했지만 {b:이/가} {why} 거절했다.",
                "{b:은/는} {why} {a}에게 {item:을/를} 빌려주지 못했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b}에게 {item:을/를} 빌리지 않기로 했다.",
                "{b:은/는} {a:이/가} {why} 마음을 바꾸어 {item:을/를} 빌려주지 않게 되었다.",
            ),
        },
        refuse_why=("어제 잃어버려서", "매일 써야 해서", "친구에게 이미 빌려줘서", "얼마 전에 팔아서"),
        cancel_why=("집에서 찾아서", "새로 사기로 해서", "형이 빌려준다고 해서", "이제 필요 없어져서"),
        phrases={"agree": FAVOUR},
    ),
    "집수리": Topic(
        slots={
            "desk": _fixed("든든수리 | 빠른설비 | 우리집수리 | 행복관리소 | 으뜸설비"),
            "thing": _fixed("보일러 | 에어컨 | 세탁기 | 냉장고 | 정수기 | 식기세척기 | 온수기 | 제습기"),
            "fault": _fixed("물이 새서 | 이상한 소리가 나서 | 탄 냄새가 나서 | 연기가 나서 | 불꽃이 튀어서"),
            "day": Slot((DAYS,), BUSY_DAY, ("기사님이 쉬는 날이라서", "예약이 다 차서", "부품이 늦게 와서")),
            "time": Slot((DAYTIME,), BUSY_TIME, ("다른 집에 가야 해서", "예약이 다 차서", "기사님 교육이 있어서")),
        },
        ask={
            "customer": (
                "{thing}에서 {fault} 전화했어요. {day} {time}에 와 주세요. {a}입니다.",
                "{a}인데요, {thing}에서 {fault} 불편해요. {day} {time}에 오실 수 있나요?",
                "{day} {time}에 수리 되나요? {thing}에서 {fault}요. {a}입니다.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {thing}에서 {fault} {desk}에 {day} {time} 수리를 맡겼다.",
                "{desk} 직원은 {fault} 수리를 부탁한 {a}의 {thing:을/를} {day} {time}에 고쳐 주기로 했다.",
            ),
            "refused": (
                "{a:은/는} {desk}에 {thing} 수리를 부탁했지만 {why} 맡기지 못했다.",
                "{desk} 직원은 {why} {a}의 {thing} 수리를 맡지 못했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {desk}에 맡긴 {day} {thing} 수리를 취소했다.",
                "{desk} 직원은 {a:이/가} {why} 그만둔 {day} {thing} 수리를 취소해 주었다.",
            ),
        },
        refuse_why=("부품이 없어서", "너무 오래된 제품이라서", "그 지역은 가지 않아서", "수리 기사가 모자라서"),
        cancel_why=("새로 사기로 해서", "다시 괜찮아져서", "남편이 고쳐서", "집주인이 고쳐 주기로 해서"),
    ),
    "공연 예매": Topic(
        slots={
            "show": Slot(
                (("뮤지컬", "연극", "오페라", "발레"), ("재즈 공연", "록 콘서트", "합창 공연", "국악 공연")),
                ("표가 다 팔려서", "평이 안 좋아서", "너무 비싸서"),
                ("이미 봐서", "취향이 아니라서", "평이 안 좋아서"),
            ),
            "day": _free_days(),
            "seat": Slot(
                (("앞줄 좌석", "뒷줄 좌석", "가운데 좌석", "이 층 좌석", "통로 쪽 좌석"),),
                ("남은 표가 없어서", "너무 비싸서", "무대가 잘 안 보여서"),
                ("무대가 잘 안 보여서", "너무 비싸서", "소리가 잘 안 들려서"),
            ),
        },
        ask={
            "casual": (
                "{day}에 하는 {show} 같이 볼래? {seat:으로/로} 예매할게.",
                "{show} 보러 가자. {day} {seat} 예매하면 되지?",
                "{day} {show} 어때? 내가 {seat} 예매할게.",
            ),
            "polite": (
                "{day}에 하는 {show} 같이 보실래요? {seat:으로/로} 예매할게요.",
                "{show} 보러 가요. {day} {seat} 예매하면 되죠?",
                "{day} {show} 어떠세요? 제가 {seat} 예매할게요.",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b:과/와} 볼 {day} {show:을/를} {seat:으로/로} 예매하기로 했다.",
                "{b:은/는} {a:이/가} {seat:으로/로} 예매할 {show:을/를} {day}에 함께 보기로 했다.",
            ),
            "refused": (
                "{a:은/는} {day} {show:을/를} 보자고 했지만 {b:이/가} {why} 거절했다.",
                "{b:은/는} {why} {day} {show:을/를} 보자는 {a}의 제안을 거절했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b:과/와} 보려던 {day} {show} 예매를 취소했다.",
                "{b:은/는} {a:이/가} {why} {day} {show} 예매를 취소하자 받아들였다.",
            ),
        },
        refuse_why=NO_ROOM,
        cancel_why=ILL_OR_BUSY,
    ),
    "식사 메뉴": Topic(
        slots={
            "meal": Slot((("오늘 점심", "오늘 저녁", "내일 점심", "내일 저녁"),), MEAL_WHY, MEAL_WHY),
            "food": Slot(
                (
                    ("김치찌개", "된장찌개", "비빔밥", "불고기"),
                    ("짜장면", "짬뽕", "볶음밥", "탕수육"),
                    ("파스타", "피자", "햄버거", "샐러드"),
                    ("초밥", "우동", "돈가스", "카레"),
                    ("치킨", "떡볶이", "김밥", "라면"),
                ),
                ("갑자기 질려서", "요즘 속이 안 좋아서", "가게가 쉬어서"),
                ("어제 먹어서", "너무 배부를 것 같아서", "속이 안 좋아서"),
            ),
            "way": Slot(
                (("배달", "포장", "매장 식사"),),
                ("시간이 없어서", "좀 번거로워서"),
                ("오래 걸려서", "좀 번거로워서", "돈이 더 들어서"),
            ),
        },
        ask={
            "casual": (
                "{meal}에 {food:을/를} 먹자. {way:으로/로} 하면 되지?",
                "{meal} 메뉴는 {food} 어때? {way:이/가} 편하겠지?",
                "{food} 먹고 싶다. {meal}에 {way:으로/로} 먹을까?",
            ),
            "polite": (
                "{meal}에 {food:을/를} 먹을까요? {way:으로/로} 하면 되겠죠?",
                "{meal} 메뉴는 {food} 어때요? {way:이/가} 편할 것 같아요.",
                "{food} 먹고 싶네요. {meal}에 {way:으로/로} 먹을까요?",
            ),
        },
        summaries={
            "done": (
                "{a:은/는} {b:과/와} {meal}에 {food:을/를} {way:으로/로} 먹기로 했다.",
                "{b:은/는} {a:과/와} {meal} 메뉴를 {food:으로/로} 정하고 {way:으로/로} 먹기로 했다.",
            ),
            "refused": (
                "{a:은/는} {meal}에 {food:을/를} 먹자고 했지만 {b:이/가} {why} 거절했다.",
                "{b:은/는} {why} {meal}에 {food:을/를} 먹자는 {a}의 제안을 거절했다.",
            ),
            "cancelled": (
                "{a:은/는} {why} {b:과/와} {meal}에 {food:을/를} 먹으려던 약속을 취소했다.",
                "{b:은/는} {a:이/가} {why} {meal} {food} 약속을 취소하자 받아들였다.",
            ),
        },
        refuse_why=("요즘 살을 빼고 있어서", "도시락을 싸기로 해서", "다른 약속이 있어서", "배탈이 나서"),
        cancel_why=ILL_OR_BUSY,
    ),
}
