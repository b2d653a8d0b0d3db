"""The embedded sample data, which kotune generates itself from a seed.

Code that reads the files of users belongs in `corpora`.

    dialogue_phrases: The phrases of every turn of the sample dialogues, by speech style.
    dialogue_slots: Their values: days, times, places, prices and names, and reasons to change or refuse them.
    dialogue_talk: One sample conversation in progress.
    dialogue_topics_deals: Topics of the sample dialogues: a sale, a loan and a repair.
    dialogue_topics_plans: Topics of the sample dialogues: plans of two people.
    dialogue_topics_services: Topics of the sample dialogues: a customer and a business.
    dialogues: Generates Korean chat dialogues and one-sentence summaries.
    particles: Korean particles, which depend on the last syllable of the word before them.
    registry: The registry of sample data, by name.
    review_phrases: The phrases of the sample reviews.
    reviews: Generates Korean product reviews, 긍정 or 부정.
    sample_files: Writes sample data as one file per split, without repetition.
    satisfaction: Generates pairs of messages of a customer and their difference in satisfaction.
    speech_level_phrases: The phrases of the sample for speech levels.
    speech_levels: Generates rewritings of casual Korean into polite speech.
"""
