"""The sample dialogues between a customer and a business: bookings, a return, directions."""

from collections.abc import Mapping

from corpora.samples.dialogue_phrases import WAY_PHRASES
from corpora.samples.dialogue_slots import (
    BUSY_DAY,
    DAYS,
    DAYTIME,
    EVENING,
    ILL_OR_BUSY,
    WORKDAYS,
    Slot,
    Topic,
    booked_days,
    booked_times,
    fixed,
)

SERVICES: Mapping[str, Topic] = {
    "식당 예약": Topic(
        slots={
            "desk": fixed(
                """한빛식당 | 바다횟집 | 초록밥상 | 서울갈비 | 달빛주방 | 할매국밥 | 별난파스타 | 고향손칼국수"""
            ),
            "day": booked_days(),
            "time": booked_times(EVENING + DAYTIME[3:7]),
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
            "desk": fixed("튼튼병원 | 햇살의원 | 우리병원 | 새봄의원 | 한마음병원 | 푸른의원"),
            "day": booked_days(WORKDAYS),
            "time": booked_times(DAYTIME),
            "doctor": Slot(
                (("김 선생님", "이 선생님", "박 선생님", "최 선생님", "윤 선생님", "한 선생님"),),
                asker_why=("다른 분께 진료를 받아 와서", "설명을 더 듣고 싶어서"),
                other_why=("휴진이라서", "학회에 가셔서", "수술이 있어서"),
            ),
            "care": fixed(
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
            "desk": fixed("나래몰 | 다모아마켓 | 하루쇼핑 | 온누리상점 | 새싹마켓"),
            "day": Slot((DAYS,), BUSY_DAY, ("택배 기사님이 쉬셔서", "물류 센터가 쉬는 날이라서", "배송이 밀려 있어서")),
            "item": fixed(
                """운동화 | 코트 | 원피스 | 모자 | 가방 | 이불 | 청소기 | 전기밥솥 |
                선풍기 | 블라우스 | 시계 | 장화 | 커튼 | 안경테"""
            ),
            "defect": fixed(
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
            "goal": fixed(
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
}
