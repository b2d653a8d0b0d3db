"""The phrases of the sample reviews: products, predicates, openings and closings.

A predicate is written `stem/past stem`, as in 빠르/빨랐; words before it belong to both. A star marks predicates that
are used in the past only and neither denied nor quoted, as in 하루 만에 오/왔*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from corpora.samples.particles import Word

LABELS = ("부정", "긍정")  # indexed by whether the writer is content


@dataclass(frozen=True)
class Predicate:
    """A predicate of an aspect; every ending follows one of the two stems without changing it."""

    stem: str  # 빠르: takes 지만, 고, 지 않-, 다고
    past: str  # 빨랐: takes 어요, 네요, 음, 지만, 는데, 고
    plain: bool  # may be denied, quoted and used in the present


@dataclass(frozen=True)
class Aspect:
    """One aspect of a product with its positive and negative predicates."""

    name: Word
    good: tuple[Predicate, ...]
    bad: tuple[Predicate, ...]

    def predicates(self, content: bool) -> tuple[Predicate, ...]:
        """Returns the predicates of a writer who is, or is not, content with this aspect."""
        return self.good if content else self.bad


def predicate(text: str) -> Predicate:
    """Parses `words stem/past`, with a star for past only."""
    stem, past = text.strip().rstrip("*").split("/")
    before = stem.rpartition(" ")[0]
    return Predicate(stem, f"{before} {past}".strip(), not text.strip().endswith("*"))


def aspects(text: str) -> tuple[Aspect, ...]:
    """Parses one aspect per line: name | good predicates | bad predicates."""
    cells = [line.split("|") for line in text.strip().splitlines()]
    return tuple(
        Aspect(Word(name.strip()), *(tuple(predicate(one) for one in side.split(",")) for side in sides))
        for name, *sides in cells
    )


COMMON = aspects(
    """
    배송 | 빠르/빨랐, 정확하/정확했, 하루 만에 오/왔*, 예정보다 일찍 오/왔* | 느리/느렸, 늦/늦었, 일주일 넘게 걸리/걸렸*
    포장 | 꼼꼼하/꼼꼼했, 깔끔하/깔끔했, 튼튼하/튼튼했 | 허술하/허술했, 엉성하/엉성했, 찢어져 있/있었*
    가격 | 저렴하/저렴했, 착하/착했, 괜찮/괜찮았, 합리적이/합리적이었* | 비싸/비쌌, 부담스럽/부담스러웠, 과하/과했
    고객 상담 | 친절하/친절했, 빠르/빨랐 | 불친절하/불친절했, 느리/느렸, 성의가 없/없었*
    """
)

LOOKS = aspects("디자인 | 예쁘/예뻤, 고급스럽/고급스러웠, 깔끔하/깔끔했 | 촌스럽/촌스러웠, 조잡하/조잡했, 별로/별로였*")

# names of a kind of product -> aspects of this kind only
KINDS: Mapping[str, tuple[Aspect, ...]] = {
    "니트 원피스 패딩 청바지 셔츠 코트 후드티 카디건": LOOKS
    + aspects(
        """
        사이즈 | 넉넉하/넉넉했, 정확하/정확했, 딱 맞/맞았* | 작/작았, 애매하/애매했, 너무 크/컸*, 안 맞/맞았*
        소재 | 부드럽/부드러웠, 따뜻하/따뜻했, 좋/좋았 | 까슬까슬하/까슬까슬했, 뻣뻣하/뻣뻣했, 얇/얇았
        색상 | 예쁘/예뻤, 고급스럽/고급스러웠, 화면이랑 똑같/똑같았* | 칙칙하/칙칙했, 사진이랑 다르/달랐*
        바느질 | 꼼꼼하/꼼꼼했, 튼튼하/튼튼했, 깔끔하/깔끔했 | 엉성하/엉성했, 허술하/허술했, 금방 터지/터졌*
        """
    ),
    "운동화 구두 샌들 슬리퍼 등산화 부츠": LOOKS
    + aspects(
        """
        착화감 | 편하/편했, 좋/좋았, 푹신하/푹신했 | 불편하/불편했, 딱딱하/딱딱했, 나쁘/나빴
        사이즈 | 정확하/정확했, 넉넉하/넉넉했, 딱 맞/맞았* | 작/작았, 애매하/애매했, 너무 크/컸*
        밑창 | 튼튼하/튼튼했, 푹신하/푹신했 | 미끄럽/미끄러웠, 얇/얇았, 금방 닳/닳았*
        """
    ),
    "청소기 가습기 선풍기 이어폰 노트북 믹서기 전기포트": LOOKS
    + aspects(
        """
        소음 | 적/적었, 거의 없/없었* | 심하/심했, 크/컸, 거슬리/거슬렸*
        성능 | 좋/좋았, 뛰어나/뛰어났, 괜찮/괜찮았 | 나쁘/나빴, 약하/약했, 많이 떨어지/떨어졌*
        조작 | 쉽/쉬웠, 간단하/간단했, 편하/편했 | 어렵/어려웠, 복잡하/복잡했, 불편하/불편했
        """
    ),
    "사과 감귤 김치 만두 원두 쿠키 고구마 갈비탕": aspects(
        """
        맛 | 좋/좋았, 깔끔하/깔끔했, 진하/진했 | 이상하/이상했, 밍밍하/밍밍했, 너무 자극적이/자극적이었*
        양 | 넉넉하/넉넉했, 많/많았, 푸짐하/푸짐했 | 적/적었, 부족하/부족했
        상태 | 신선하/신선했, 깨끗하/깨끗했, 좋/좋았 | 나쁘/나빴, 지저분하/지저분했, 엉망이/엉망이었*
        """
    ),
    "로션 선크림 립밤 핸드크림 수분크림 바디로션": LOOKS
    + aspects(
        """
        향 | 은은하/은은했, 좋/좋았, 상쾌하/상쾌했 | 독하/독했, 이상하/이상했, 너무 강하/강했*
        질감 | 부드럽/부드러웠, 촉촉하/촉촉했, 가볍/가벼웠 | 끈적하/끈적했, 뻑뻑하/뻑뻑했, 무겁/무거웠
        용량 | 넉넉하/넉넉했, 많/많았 | 적/적었, 부족하/부족했
        """
    ),
    "책상 의자 책장 서랍장 식탁 옷장": LOOKS
    + aspects(
        """
        조립 | 쉽/쉬웠, 간단하/간단했, 금방 끝나/끝났* | 어렵/어려웠, 복잡하/복잡했, 힘들/힘들었
        마감 | 깔끔하/깔끔했, 꼼꼼하/꼼꼼했, 매끄럽/매끄러웠 | 거칠/거칠었, 엉성하/엉성했, 허술하/허술했
        품질 | 좋/좋았, 훌륭하/훌륭했 | 나쁘/나빴, 많이 떨어지/떨어졌*, 기대 이하/이하였*
        """
    ),
}

OPENINGS = (
    "{product} 샀어요.",
    "{product:을/를} 주문했습니다.",
    "{product} 받아 봤어요.",
    "세일할 때 {product} 샀어요.",
    "고민하다가 {product:을/를} 골랐어요.",
    "{who} 선물로 {product:을/를} 샀어요.",
    "{who} 주려고 {product} 주문했어요.",
    "{days} {trying} 본 {product} 후기입니다.",
    "{product} 후기 남겨요.",
)
GIFTS = ("엄마", "아빠", "동생", "친구", "남편", "아내", "조카", "할머니")
TRIED = ("사흘", "일주일", "열흘", "보름", "한 달")
# the kinds, in the order of KINDS: 한 달 입어 본 니트
TRYING = ("입어", "신어", "써", "먹어", "발라", "써")

# label -> closing judgements: polite, and clipped. Many share their words with the other label.
CLOSINGS: Mapping[bool, tuple[tuple[str, str], ...]] = {
    True: (
        ("만족해요", "만족함"),
        ("잘 샀어요", "잘 샀음"),
        ("추천해요", "추천함"),
        ("또 살 거예요", "또 살 예정"),
        ("후회는 없어요", "후회 없음"),
        ("불만은 없어요", "불만 없음"),
        ("추천 안 할 이유가 없어요", "추천 안 할 이유가 없음"),
        ("반품할 생각은 없어요", "반품할 생각은 없음"),
        ("아쉬운 점은 없어요", "아쉬운 점 없음"),
        ("안 샀으면 후회할 뻔했어요", "안 샀으면 후회할 뻔"),
        ("망설이지 말고 사세요", "고민하지 말고 사길"),
        ("다음에도 여기서 살게요", "다음에도 여기서 살 듯"),
        ("실망할 일은 없을 거예요", "실망할 일은 없을 듯"),
        ("이 정도면 나쁘지 않아요", "이 정도면 나쁘지 않음"),
    ),
    False: (
        ("후회해요", "후회함"),
        ("괜히 샀어요", "괜히 샀음"),
        ("추천은 못 하겠어요", "추천은 못 하겠음"),
        ("다시 살 일은 없을 거예요", "다시 살 일은 없을 듯"),
        ("만족은 못 하겠어요", "만족 못 함"),
        ("실망했어요", "실망함"),
        ("추천할 이유가 없어요", "추천할 이유가 없음"),
        ("반품할 생각이에요", "반품할 생각임"),
        ("좋은 점은 없어요", "좋은 점 없음"),
        ("안 샀으면 좋았을 뻔했어요", "안 샀으면 좋았을 뻔"),
        ("사지 말고 고민해 보세요", "사지 말고 고민하길"),
        ("다음에는 다른 데서 살게요", "다음엔 다른 데서 살 듯"),
        ("또 사지는 않을 거예요", "또 사지는 않을 예정"),
        ("이 정도면 좋지 않아요", "이 정도면 좋지 않음"),
    ),
}

# The named aspect outweighs the other one.
WEIGHTS = (
    ("저한테는 {aspect:이/가} 제일 중요해요", "나한텐 {aspect:이/가} 제일 중요함"),
    ("저는 {aspect:을/를} 제일 먼저 봐요", "나는 {aspect:을/를} 제일 먼저 봄"),
    ("결국 중요한 건 {aspect:이죠/죠}", "결국 중요한 건 {aspect}"),
    ("다른 건 몰라도 {aspect:은/는} 꼭 따져요", "다른 건 몰라도 {aspect:은/는} 꼭 따짐"),
)
# (this product, the other product); both have one construction, so that they can be swapped.
COMPARED = (
    ("여기 건", "다른 데 건"),
    ("이번에 산 건", "저번에 산 건"),
    ("이 가게 건", "옆 가게 건"),
    ("이번 건", "저번 건"),
    ("새로 산 건", "전에 산 건"),
)
# Comments on a quoted predicate, by whether it is true: polite, clipped.
QUOTED: Mapping[bool, tuple[tuple[str, str], ...]] = {
    True: (
        ("{stem}다는 후기가 많던데 사실이었어요", "{stem}다는 후기 많던데 사실이었음"),
        ("{stem}다더니 정말이네요", "{stem}다더니 정말임"),
        ("{stem}다는 말이 맞았어요", "{stem}다는 말이 맞았음"),
    ),
    False: (
        ("{stem}다는 후기가 많던데 사실이 아니었어요", "{stem}다는 후기 많던데 사실이 아니었음"),
        ("{stem}다더니 아니네요", "{stem}다더니 아님"),
        ("{stem}다는 말은 안 맞았어요", "{stem}다는 말은 안 맞았음"),
    ),
}
DENIALS = (
    ("{stem}지 않아요", "{stem}지 않음"),
    ("{stem}지 않았어요", "{stem}지 않았음"),
    ("전혀 {stem}지 않네요", "전혀 {stem}지 않음"),
    ("{stem}다고는 못 하겠어요", "{stem}다고는 못 하겠음"),
)
SURPRISES = (
    ("이렇게 {stem}다니 놀랐어요", "이렇게 {stem}다니 놀람"),
    ("정말 {stem}다는 생각이 들어요", "정말 {stem}다는 생각이 듦"),
)
TAILS: Mapping[bool, tuple[str, ...]] = {
    True: (" ㅎㅎ", " ㅋㅋ", "!", " ^^", "~", " ㅠㅠ"),
    False: (" ㅠㅠ", " ㅠ", "...", ";;", " ㅡㅡ", " ㅋㅋ"),
}
MISSPELT = (("네요", "내요"), ("예요", "에요"), ("않", "안"), ("됐", "됬"), ("괜찮", "괜찬"), ("어요", "어여"))
