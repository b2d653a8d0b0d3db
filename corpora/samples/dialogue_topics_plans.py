"""The sample dialogues in which two people plan something together: requests, values and summaries."""

from collections.abc import Mapping

from corpora.samples.dialogue_slots import (
    DAYTIME,
    EVENING,
    ILL_OR_BUSY,
    MEAL_WHY,
    NO_ROOM,
    SPOTS,
    WORKDAYS,
    Slot,
    Topic,
    fixed,
    free_days,
    free_times,
    places,
)

PLANS: Mapping[str, Topic] = {
    "약속": Topic(
        slots={
            "day": free_days(),
            "time": free_times(DAYTIME[3:] + EVENING),
            "place": places(SPOTS),
            "act": fixed(
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
    "회의": Topic(
        slots={
            "agenda": fixed(
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
            "day": free_days(),
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
            "subject": fixed(
                "수학 | 영어 | 물리 | 화학 | 국사 | 경제학 | 통계학 | 생물 | 심리학 | 일본어 | 중국어 | 철학"
            ),
            "task": fixed("시험공부 | 조별 과제 | 발표 준비 | 숙제"),
            "day": free_days(),
            "time": free_times(DAYTIME + EVENING),
            "place": places(("중앙 도서관", "스터디 카페", "학교 휴게실", "빈 강의실", "학생 식당", "동아리방")),
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
    "공연 예매": Topic(
        slots={
            "show": Slot(
                (("뮤지컬", "연극", "오페라", "발레"), ("재즈 공연", "록 콘서트", "합창 공연", "국악 공연")),
                ("표가 다 팔려서", "평이 안 좋아서", "너무 비싸서"),
                ("이미 봐서", "취향이 아니라서", "평이 안 좋아서"),
            ),
            "day": free_days(),
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
