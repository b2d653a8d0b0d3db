"""The sample dialogues about a sale, a loan and a repair."""

from collections.abc import Mapping

from corpora.samples.dialogue_phrases import FAVOUR
from corpora.samples.dialogue_slots import (
    BUSY_DAY,
    BUSY_TIME,
    DAYS,
    DAYTIME,
    PRICES,
    SPOTS,
    Slot,
    Topic,
    fixed,
    free_days,
    places,
)

DEALS: Mapping[str, Topic] = {
    "중고 거래": Topic(
        slots={
            "item": fixed(
                """자전거 | 책상 | 의자 | 기타 | 냉장고 | 모니터 | 유모차 | 책장 |
                오븐 | 카메라 | 피아노 | 러닝머신 | 스피커 | 소파"""
            ),
            "price": Slot(
                (PRICES,), ("흠집이 있어서", "예산이 모자라서"), ("거의 새것이라서", "산 지 얼마 안 돼서"), rising=True
            ),
            "day": free_days(),
            "place": places(SPOTS),
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
            "place": places(SPOTS),
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
            "desk": fixed("든든수리 | 빠른설비 | 우리집수리 | 행복관리소 | 으뜸설비"),
            "thing": fixed("보일러 | 에어컨 | 세탁기 | 냉장고 | 정수기 | 식기세척기 | 온수기 | 제습기"),
            "fault": fixed("물이 새서 | 이상한 소리가 나서 | 탄 냄새가 나서 | 연기가 나서 | 불꽃이 튀어서"),
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
}
