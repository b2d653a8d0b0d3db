"""The phrases of the sample for speech levels: verbs, adjectives and nouns with their arguments, and the endings.

A verb is written `arguments; ... = stem, stem before 으, stem with 아/어`, as in `고기를 = 굽 구우 구워`: the three
stems determine its irregular class. Marks after a verb: `+` can be done as a favour, `!` takes no plain request (먹다
would need 드시다), `~` has no duration and takes no progressive. `!` after an adjective: it is permanent.

An ending is a pair of patterns, casual and polite, with the forms of `corpora.samples.speech_levels.forms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Endings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Predicate:
    """A verb or adjective: its arguments, three stems and marks."""

    about: tuple[str, ...]
    stems: tuple[str, str, str]  # 굽, 구우, 구워
    marks: str


def values(text: str, separator: str = ";") -> tuple[str, ...]:
    """Splits `text` at the separator and strips whitespace."""
    return tuple(value.strip() for value in text.split(separator))


def _predicates(text: str) -> tuple[Predicate, ...]:
    predicates = []
    for line in text.strip().splitlines():
        about, forms = line.split(" = ")
        stem, before_eu, with_a, *marks = forms.split()
        predicates.append(Predicate(values(about), (stem, before_eu, with_a), "".join(marks)))
    return tuple(predicates)


VERBS = _predicates(
    """
    후배를; 이웃을; 반 친구를 = 돕 도우 도와 !
    고기를; 생선을 {n} 마리; 고구마를 {n} 개 = 굽 구우 구워 +
    쓰레기를; 빈 병을 {n} 개; 밤을 = 줍 주우 주워 +
    침대에; 소파에; 잔디밭에 = 눕 누우 누워 ~
    음악을; 라디오를; 강의를 {n} 시간 = 듣 들으 들어
    공원을; 강변을 {n} 시간; 숲길을 = 걷 걸으 걸어
    길을; 값을; 선생님께 이유를 = 묻 물으 물어 +
    차에 짐을; 트럭에 상자를 {n} 개 = 싣 실으 실어 +
    노래를 {n} 곡; 택시를 = 부르 부르 불러 +
    선물을; 책을 {n} 권; 벽지를 = 고르 고르 골라 +
    종이를; 당근을; 나뭇가지를 = 자르 자르 잘라 +
    물을; 우유를 {n} 잔 = 따르 따르 따라 +
    뒷산에; 언덕에 = 오르 오르 올라 ~
    빨래를; 이불을 {n} 장 = 널 널 널어 +
    초인종을; 버튼을 {n} 번 = 누르 누르 눌러 +~
    시를 {n} 편; 밥을; 강아지 이름을 = 짓 지으 지어 +
    밑줄을; 선을 {n} 줄 = 긋 그으 그어 +
    물을 {n} 컵; 반죽을 = 붓 부으 부어 +
    국을; 죽을 = 젓 저으 저어 +
    김치를; 된장을; 고추장을 = 담그 담그 담가 +
    대문을; 창문을 = 잠그 잠그 잠가 +~
    거실 불을; 텔레비전을 = 끄 끄 꺼 +~
    편지를 {n} 통; 일기를; 보고서를 = 쓰 쓰 써
    동전을; 우표를 {n} 장 = 모으 모으 모아
    빵을; 케이크를; 김밥을 {n} 줄 = 만들 만들 만들어 +
    창문을; 가게 문을 = 열 열 열어 +~
    놀이터에서; 바닷가에서; 운동장에서 = 놀 놀 놀아 !
    삼촌한테 전화를; 이모한테 전화를 = 걸 걸 걸어 ~
    영어 공부를; 방 청소를; 설거지를; 운동을 {n} 시간; 숙제를 = 하 하 해
    기차표를 {n} 장; 영화표를 {n} 장 = 예매하 예매하 예매해 +
    책상을; 자료를; 옷장을 = 정리하 정리하 정리해 +
    방을 {n} 개; 식당을 = 예약하 예약하 예약해 +~
    점심을; 국수를 {n} 그릇; 만두를 {n} 개 = 먹 먹으 먹어 !
    커피를 {n} 잔; 녹차를 {n} 잔 = 마시 마시 마셔 !
    영화를 {n} 편; 전시회를; 야구 경기를 = 보 보 봐
    도서관에; 병원에; 시장에; 은행에 = 가 가 가
    책을 {n} 권; 신문을; 소설을 = 읽 읽으 읽어 +
    사과를 {n} 개; 우산을; 양말을 {n} 켤레 = 사 사 사 +
    그릇을 {n} 개; 과일을; 운동화를 = 씻 씻으 씻어 +
    사진을 {n} 장; 동영상을 = 찍 찍으 찍어 +
    사촌을; 동창을 {n} 명; 옛날 친구를 = 만나 만나 만나
    버스를; 자전거를; {t} 시 기차를 = 타 타 타
    메일을 {n} 통; 소포를 {n} 개 = 보내 보내 보내 +
    피아노를; 기타를; 탁구를 = 치 치 쳐
    그림을 {n} 장; 지도를 = 그리 그리 그려 +
    의자를 {n} 개; 화분을; 책상을 = 옮기 옮기 옮겨 +
    우체국에; 서점에; 약국에 = 들르 들르 들러 ~
    집에서; 카페에서 {n} 시간 = 쉬 쉬 쉬어
    영어를; 요리를; 수영을 = 배우 배우 배워
    """
)
ADJECTIVES = _predicates(
    """
    날씨가; 방 안이; 교실이 = 덥 더우 더워
    바깥이; 방이; 사무실이 = 춥 추우 추워
    김치가; 떡볶이가; 국물이 = 맵 매우 매워
    여기서 역이; 집에서 회사가 = 가깝 가까우 가까워 !
    영어 시험이; 수학 문제가; 한자가 = 어렵 어려우 어려워
    숙제가; 교과서가; 길 찾기가 = 쉽 쉬우 쉬워
    가방이; 상자가; 짐이 = 무겁 무거우 무거워
    강아지가; 아기가; 고양이가 = 귀엽 귀여우 귀여워
    지하철이; 새 컴퓨터가; 배달이 = 빠르 빠르 빨라
    색깔이; 맛이; 두 사람 생각이 = 다르 다르 달라
    우리 팀이; 가게가; 형이 = 바쁘 바쁘 바빠
    머리가; 다리가; 목이 = 아프 아프 아파
    꽃이; 단풍이; 목소리가 = 예쁘 예쁘 예뻐
    화면이; 신발이; 텔레비전 소리가 = 크 크 커
    줄이; 영화가; 치마가 = 길 길 길어
    학교가; 정류장이; 여기서 바다가 = 멀 멀 멀어 !
    수박이; 귤이; 포도가 = 달 달 달아
    기분이; 경치가; 공기가 = 좋 좋으 좋아
    사람이; 할 일이; 숙제가 = 많 많으 많아
    과일이; 입장료가; 택시비가 = 비싸 비싸 비싸
    골목이; 도서관이; 시골이 = 조용하 조용하 조용해
    방이; 화장실이; 강물이 = 깨끗하 깨끗하 깨끗해
    의자가; 지하철이; 새 신발이 = 편하 편하 편해
    물이; 이불이; 봄 햇살이 = 따뜻하 따뜻하 따뜻해
    """
)
# subject -> what it is
NOUNS: Mapping[str, tuple[str, ...]] = {
    "여기가": values("우리 학교; 우리 집; 내가 다니는 회사; 내가 자주 오는 카페; 유명한 식당"),
    "저기가": values("우리 동네; 시립 도서관; 내가 말한 가게; 버스 정류장"),
    "내일이": values("내 생일; 동생 졸업식; 수학 시험; 마지막 수업; 언니 결혼식"),
    "저 사람이": values("우리 반 반장; 내 사촌; 새로 온 직원; 동생 친구; 내 친구"),
    "회의는": values("오후 {t} 시; 오전 {t} 시 반; 내일 {t} 시"),
    "기차는": values("{t} 시; {t} 시 반; 저녁 {t} 시 출발"),
    "이 책은": values("만 {w}천 원; {w}천 원; 내 선물; 친구한테 빌린 거"),
    "입장료는": values("{w}천 원; {w}만 원; 무료"),
    "시험 날은": values("{g}월 {d}일; 다음 주 월요일; 이번 주 금요일"),
    "동생 꿈은": values("의사; 가수; 요리사; 선생님; 화가; 소설가"),
    "점심 메뉴는": values("비빔밥; 냉면; 김치찌개; 돈가스; 칼국수"),
    "이건": values("내 우산; 누나 지갑; 어제 산 모자; 내가 만든 빵; 형 시계"),
    "우리 사무실은": values("{g}층; 건물 맨 위층; 역 바로 앞"),
    "약속 장소는": values("시청 앞; 서울역 {g}번 출구; 학교 정문; 분수대"),
}

# casual word -> polite word, anywhere before the ending
POLITE_WORDS: Mapping[str, str] = {
    "나": "저",
    "나는": "저는",
    "난": "전",
    "나도": "저도",
    "내가": "제가",
    "내": "제",
    "응,": "네,",
    "그래,": "네,",
    "아니,": "아니요,",
    "있잖아,": "있잖아요,",
    "글쎄,": "글쎄요,",
    "미안해,": "미안해요,",
    "너": "",
    "넌": "",
}

PAST: Endings = (("{p}어", "{p}어요"), ("{p}다", "{p}어요"), ("{p}거든", "{p}거든요"))
SEEN: Endings = (("{p}네", "{p}네요"), ("{p}더라", "{p}더라고요"), ("{p}다", "{p}어요"), ("{p}대", "{p}대요"))
HABIT: Endings = (("{nd}다", "{a}요"), ("{a}", "{a}요"), ("{s}곤 해", "{s}곤 해요"))
NOW: Endings = (
    ("{s}고 있어", "{s}고 있어요"),
    ("{s}고 있다", "{s}고 있어요"),
    ("{n}는 중이야", "{n}는 중이에요"),
    ("{n}는 중이다", "{n}는 중이에요"),
)
PLAN: Endings = (
    ("{l} 거야", "{l} 거예요"),
    ("{l} 거다", "{l} 거예요"),
    ("{l}래", "{l}래요"),
    ("{l}게", "{l}게요"),
    ("{a}야 해", "{a}야 해요"),
    ("{a}야 한다", "{a}야 해요"),
    ("{s}고 싶다", "{s}고 싶어요"),
    ("{e}려고 한다", "{e}려고 해요"),
    ("{s}기로 했다", "{s}기로 했어요"),
    ("{l} 수 있어", "{l} 수 있어요"),
)
ASK_PAST: Endings = (("{p}니?", "{p}어요?"), ("{p}냐?", "{p}어요?"), ("{p}어?", "{p}어요?"))
ASK: Endings = (("{n}니?", "{a}요?"), ("{n}냐?", "{a}요?"), ("{a}?", "{a}요?"), ("{l} 거니?", "{l} 거예요?"))
SUGGEST: Endings = (
    ("{s}자", "{a}요"),
    ("{l}까?", "{l}까요?"),
    ("{l}래?", "{l}래요?"),
    ("{n}는 게 어때?", "{n}는 게 어때요?"),
)
REQUEST: Endings = (("{a}라", "{es}세요"), ("{s}도록 해", "{s}도록 하세요"), ("{n}는 게 좋겠다", "{n}는 게 좋겠어요"))
FAVOUR: Endings = (("{a} 줘", "{a} 주세요"), ("{a} 줘라", "{a} 주세요"), ("{a} 줄래?", "{a} 주실래요?"))
FORBID: Endings = (("{s}지 마", "{s}지 마세요"), ("{s}지 마라", "{s}지 마세요"), ("{e}면 안 돼", "{e}면 안 돼요"))
QUALITY: Endings = (
    ("{s}다", "{a}요"),
    ("{a}", "{a}요"),
    ("{n}네", "{n}네요"),
    ("{s}구나", "{s}군요"),
    ("{s}지?", "{s}죠?"),
    ("{n}니?", "{a}요?"),
    ("{s}지 않니?", "{s}지 않아요?"),
    ("{s}지 않다", "{s}지 않아요"),
    ("{l} 것 같다", "{l} 것 같아요"),
)
QUALITY_PAST: Endings = (("{p}다", "{p}어요"), ("{p}어", "{p}어요"), ("{p}니?", "{p}어요?"), ("{p}구나", "{p}군요"))
IDENTITY: Endings = (
    ("{noun:이야/야}", "{noun:이에요/예요}"),
    ("{noun:이다/다}", "{noun:이에요/예요}"),
    ("{noun:이니/니}?", "{noun:이에요/예요}?"),
    ("{noun:이지/지}?", "{noun:이죠/죠}?"),
    ("{noun:이구나/구나}", "{noun:이군요/군요}"),
    ("{noun:이/가} 아니야", "{noun:이/가} 아니에요"),
    ("{noun:이/가} 아니니?", "{noun:이/가} 아니에요?"),
    ("{noun}일 거야", "{noun}일 거예요"),
)
