"""What the sample sentence pairs tell: who did what, when, where and how much, in topics of three actions each.

In a pattern, `~` is an ending of the past, `(a|b)` a choice of words, `{amount:을/를}` the amount with its particle;
all patterns of one side mean the same. A value such as 그저께|이틀 전에 is one detail in two wordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PAST = ("다", "어요", "습니다", "어")


@dataclass(frozen=True)
class Action:
    """One thing that is done; every pattern of `said` means it, every pattern of `reversed` the contrary."""

    said: tuple[str, ...]
    reversed: tuple[str, ...]
    amounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """Actions that happen in the same places; weather has no `who`."""

    places: tuple[str, ...]
    actions: Mapping[str, Action]
    at: str = "{where}에서"
    personal: bool = True


def _values(text: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in text.split(","))


def _topic(places: str, at: str = "{where}에서", personal: bool = True, **actions: str) -> Topic:
    """Read actions written as said / reversed / amounts, each a list with commas."""
    parts = {name: [_values(part) for part in text.split("/ ")] for name, text in actions.items()}
    return Topic(_values(places), {name: Action(*part) for name, part in parts.items()}, at, personal)


WHO = _values(
    """동생, 언니, 누나, 형, 이모, 삼촌, 사촌, 친구, 옆집 아저씨, 김 대리, 박 과장, 이 부장, 민수, 지우, 영호, 미나,
    준호, 유나, 은지, 민재, 현우, 수아, 보라, 철호"""
)
WHEN = _values(
    """어제, 그저께|이틀 전에, 사흘 전에|3일 전에, 지난주에|저번 주에, 지난달에|저번 달에, 지난 토요일에|저번 토요일에,
    지난 월요일에|저번 월요일에, 지난 금요일에|저번 금요일에, 오늘 오전에, 오늘 오후에, 두 달 전에|2개월 전에,
    열흘 전에|10일 전에"""
)
MINUTES = "30분, 한 시간|1시간, 두 시간|2시간, 세 시간|3시간"
DAYS = "이틀|2일, 사흘|3일, 일주일|7일, 보름|15일"

TOPICS: Mapping[str, Topic] = {
    "식사": _topic(
        "회사 식당, 학교 앞 분식집, 역 앞 식당, 시장 국숫집",
        lunch="""(점심을|점심밥을) 먹었~, 점심 식사를 했~, 점심을 해결했~
            / 점심을 (굶었|걸렀)~, 점심을 먹지 (못했|않았)~""",
        gimbap="""김밥을 {amount} 포장해 왔~, 김밥 {amount:을/를} 싸 왔~, 포장한 김밥을 {amount} (가져왔|들고 왔)~
            / 김밥을 {amount} (포장하려다가|사려다가) (말았|그만두었)~, 김밥 {amount:을/를} 사려다가 그만두었~
            / 한 줄, 두 줄|2줄, 세 줄|3줄, 다섯 줄|5줄""",
        plate="""접시를 {amount} (깼|깨뜨렸)~, 접시 {amount:을/를} 깨 먹었~, 그릇을 {amount} 깨뜨렸~
            / 접시를 {amount} 떨어뜨렸지만 (깨지|깨뜨리지) 않았~, 그릇 {amount:을/를} 떨어뜨렸지만 깨뜨리지 않았~
            / 한 개, 두 개|2개, 세 개|3개""",
    ),
    "운동": _topic(
        "체육관, 학교 운동장, 구민 센터, 동네 체육공원",
        run=f"""{{amount}} 동안 (달렸|뛰었)~, 달리기를 {{amount}} 동안 했~, {{amount}} 동안 달리기를 했~
            / {{amount}} 동안 (달리려다가|뛰려다가) (포기했|그만두었)~, 달리기를 {{amount}} 동안 하려다가 그만두었~
            / {MINUTES}""",
        yoga=f"""{{amount}} 동안 요가를 (배웠|익혔)~, 요가 수업을 {{amount}} 동안 들었~,
            {{amount}} 동안 요가 강습을 받았~
            / {{amount}} 동안 하는 요가 수업에 빠졌~, {{amount}}짜리 요가 (수업|강습)에 (빠졌|가지 않았)~
            / {MINUTES}""",
        badminton="""배드민턴 시합에서 (이겼|승리했)~, 배드민턴 경기를 이겼~, 배드민턴 경기에서 승리를 거두었~
            / 배드민턴 시합에서 (졌|패했)~, 배드민턴 경기에서 지고 말았~""",
    ),
    "교통": _topic(
        "서울역, 부산역, 대전역, 광주역",
        bus="""버스를 놓쳤~, 타려던 버스를 (놓쳤|못 탔)~, 버스가 먼저 떠나서 타지 못했~
            / 버스를 (놓치지 않았|놓치지 않고 탔)~, 버스를 (제때|제시간에) 탔~""",
        ticket="""기차표를 {amount} (샀|끊었)~, 열차표 {amount:을/를} (예매했|구입했)~, 기차표 {amount:을/를} 예매했~
            / 기차표를 {amount} (환불했|취소했)~, 열차표 {amount:을/를} (환불했|취소했)~
            / 한 장, 두 장|2장, 세 장|3장, 네 장|4장""",
        taxi="""택시를 (잡았|잡아탔)~, 택시를 잡아서 탔~
            / 택시를 (못 잡았|잡지 못했)~, 택시가 안 잡혀서 못 탔~""",
    ),
    "책": _topic(
        "시립 도서관, 학교 도서관, 동네 도서관, 구청 도서관",
        borrow="""책을 {amount} (빌렸|대출했)~, 책 {amount:을/를} 빌려 왔~, 도서 {amount:을/를} (대출했|빌렸)~
            / 책을 {amount} (반납했|돌려주었)~, 빌린 책 {amount:을/를} 돌려주었~
            / 한 권, 두 권|2권, 세 권|3권, 다섯 권|5권""",
        lose="""책을 {amount} (잃어버렸|분실했)~, 책 {amount:을/를} 잃어버리고 말았~
            / 잃어버린 책을 {amount} (찾았|되찾았)~, 없어졌던 책 {amount:을/를} 다시 찾았~
            / 한 권, 두 권|2권, 세 권|3권""",
        club="""독서 모임을 (열었|가졌)~, 책 읽는 모임을 열었~, 책 모임을 (했|열었)~
            / 독서 모임을 (취소했|열지 않았)~, 책 읽는 모임을 (취소했|열지 않았)~""",
    ),
    "회사": _topic(
        "본사, 3층 회의실, 대강당, 부산 지사",
        meeting=f"""{{amount}} 동안 회의를 했~, 회의를 {{amount}} 동안 진행했~, {{amount}}짜리 회의를 (열었|가졌)~
            / {{amount}}짜리 회의를 (취소했|열지 않았)~, {{amount}} 동안 하려던 회의를 취소했~
            / {MINUTES}""",
        product="""신제품을 (소개했|공개했)~, 새 제품을 (발표했|선보였)~, 새로 만든 제품을 선보였~
            / 신제품을 (소개하지|공개하지) 않았~, 새 제품을 (발표하지|선보이지) 않았~""",
        contract="""계약서에 (서명했|사인했)~, 계약을 (맺었|체결했)~
            / 계약을 (거절했|맺지 않았)~, 계약서에 (서명하지|사인하지) 않았~""",
    ),
    "병원": _topic(
        "동네 병원, 대학 병원, 시립 병원, 회사 옆 병원",
        vaccine="""독감 예방 주사를 맞았~, 독감 백신을 (맞았|접종했)~, 독감 예방 접종을 (받았|했)~
            / 독감 예방 주사를 (안 맞았|맞지 않았)~, 독감 백신을 (안 맞았|맞지 않았)~""",
        stay=f"""{{amount}} 동안 (입원했|입원해 있었)~, {{amount}} 동안 입원 치료를 받았~
            / {{amount}} 동안 입원하라는 말을 (거절했|듣지 않았)~, {{amount}} 동안 입원하라는 권유를 거절했~
            / {DAYS}""",
        checkup="""건강 검진을 받았~, 건강 검사를 (받았|했)~, 몸 상태를 검사받았~
            / 건강 검진을 (안 받았|받지 않았)~, 건강 검사를 (안 받았|받지 않았)~""",
    ),
    "공부": _topic(
        "학교, 학원, 문화 센터, 평생 교육원",
        exam="""한자 시험에 (붙었|합격했)~, 한자 시험을 통과했~, 한자 자격증을 땄~
            / 한자 시험에 (떨어졌|불합격했)~, 한자 자격증을 따지 못했~""",
        problems="""수학 문제를 {amount} (풀었|해결했)~, 수학 문제 {amount:을/를} 풀어냈~
            / 수학 문제를 {amount} (못 풀었|풀지 못했)~, 수학 문제 {amount:을/를} 풀지 못했~
            / 다섯 개|5개, 열 개|10개, 스무 개|20개""",
        late="""수업에 (늦었|지각했)~, 수업에 늦게 (도착했|들어갔)~, 수업 시간에 늦었~
            / 수업에 늦지 않았~, 수업에 (제때|제시간에) (도착했|들어갔)~""",
    ),
    "날씨": _topic(
        "서울, 부산, 강릉, 제주, 대구, 광주, 전주, 춘천",
        at="{where}에",
        personal=False,
        rain="""비가 (많이|엄청) (왔|내렸)~, 큰비가 (내렸|왔)~, 비가 (쏟아졌|퍼부었)~
            / 비가 (전혀|한 방울도) (안 왔|오지 않았|내리지 않았)~, 비 한 방울 (안 왔|오지 않았)~""",
        snow="""눈이 {amount} (왔|내렸)~, 눈이 {amount}나 (왔|쌓였|내렸)~
            / 눈이 {amount} 온다더니 (안 왔|오지 않았)~, {amount} 온다던 눈이 (안 왔|내리지 않았)~
            / 5센티미터, 10센티미터, 20센티미터""",
        wind="""(바람이|바람이 아주) (세게|강하게) 불었~, (강한|거센) 바람이 불었~, 강풍이 불었~
            / 바람이 (거의|전혀) 불지 않았~, 바람 한 점 (없었|불지 않았)~""",
    ),
    "동물": _topic(
        "동네 공원, 아파트 단지, 할머니 댁, 시골집 근처",
        walk=f"""강아지를 {{amount}} 동안 산책시켰~, 강아지와 {{amount}} 동안 (산책했|걸었)~,
            반려견과 {{amount}} 동안 산책했~
            / 강아지와 {{amount}} 동안 하려던 산책을 (그만두었|취소했)~,
            반려견과 {{amount}} 동안 산책하려다가 (말았|그만두었)~
            / {MINUTES}""",
        adopt="""고양이를 {amount} (데려왔|입양했)~, 고양이 {amount:을/를} (입양했|데려왔)~
            / 고양이를 {amount} 다른 집에 (보냈|입양 보냈)~, 고양이 {amount:을/를} 다른 집으로 보냈~
            / 한 마리, 두 마리|2마리, 세 마리|3마리""",
        snack="""강아지에게 간식을 (주었|먹였)~, 반려견에게 간식을 주었~, 강아지한테 간식을 먹였~
            / 강아지에게 간식을 (주지|먹이지) 않았~, 반려견에게 간식을 (안 주었|주지 않았)~""",
    ),
    "쇼핑": _topic(
        "남대문 시장, 백화점, 동네 마트, 집 앞 할인점",
        apples="""사과를 {amount} (샀|구입했)~, 사과 {amount:을/를} (사 왔|샀)~
            / 사과를 {amount} (환불했|반품했)~, 산 사과 {amount:을/를} (환불했|반품했)~
            / 한 상자, 두 봉지|2봉지, 다섯 개|5개""",
        purse="""지갑을 (잃어버렸|분실했)~, 지갑을 흘렸~, 지갑을 잃어버리고 말았~
            / 잃어버린 지갑을 (찾았|되찾았)~, 지갑을 다시 찾았~""",
        coat="""겨울 외투를 (싸게|저렴하게) (샀|구입했)~, 겨울 코트를 싸게 샀~, 겨울 외투를 싼값에 장만했~
            / 겨울 외투를 비싸게 (샀|구입했)~, 겨울 코트를 비싼 값에 샀~""",
    ),
    "은행": _topic(
        "은행 본점, 동네 은행, 역 앞 은행, 시장 옆 은행",
        withdraw="""돈을 {amount} (찾았|뽑았)~, {amount:을/를} (인출했|찾았)~, 현금 {amount:을/를} 찾았~
            / 돈을 {amount} (저금했|예금했)~, 통장에 {amount:을/를} (넣었|입금했)~
            / 십만 원|10만 원, 삼십만 원|30만 원, 오십만 원|50만 원, 백만 원|100만 원""",
        loan="""{amount:을/를} (대출받았|빌렸)~, {amount} 대출을 받았~
            / 빌린 {amount:을/를} (갚았|다 갚았)~, 대출금 {amount:을/를} (상환했|갚았)~
            / 오백만 원|500만 원, 천만 원|1000만 원, 이천만 원|2000만 원""",
        account="""통장을 (만들었|새로 만들었)~, 계좌를 (개설했|새로 열었)~, 새 통장을 만들었~
            / 통장을 (해지했|없앴)~, 계좌를 (해지했|없앴)~""",
    ),
    "여행": _topic(
        "제주, 강릉, 부산, 경주",
        stay=f"""{{amount}} 동안 (머물렀|묵었|지냈)~, {{amount}} 동안 여행을 했~
            / {{amount}} 동안 (머물려던|묵으려던|지내려던) 계획을 취소했~, {{amount}} 동안 하려던 여행을 취소했~
            / {DAYS}""",
        photo="""바다 사진을 {amount} 찍었~, 바다를 사진 {amount}에 담았~, 바다 사진 {amount:을/를} (찍었|남겼)~
            / 바다 사진을 {amount} (지웠|삭제했)~, 찍어 둔 바다 사진 {amount:을/를} 지웠~
            / 열 장|10장, 스무 장|20장, 백 장|100장""",
        lost="""길을 (잃었|헤맸)~, 길을 잃고 헤맸~, 길을 잃어버렸~
            / 길을 (바로|금방) 찾았~, 헤매지 않고 길을 찾았~""",
    ),
}
