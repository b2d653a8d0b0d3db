"""The embedded sample data, which kotune generates itself.

Whatever reads users' files belongs in `corpora`.

    dialogue_phrases: The phrasings of every turn of the sample dialogues, by speech style
    dialogue_slots: What the sample dialogues settle: days, hours, places, prices and names, and the reasons to
    dialogue_talk: One conversation of the sample data while it goes on: who speaks, what is proposed, changed
    dialogue_topics_plans: The sample dialogues in which two people plan to do something together: what is
    dialogue_topics_services: The sample dialogues in which one side wants something of the other: a booking, a
    dialogues: The sample data made here: Korean chat dialogues and one-sentence Korean summaries, from a seed
    particles: Korean particles, chosen by the last syllable of the word they follow
    registry: The data that comes with kotune, by name: what writes it, and how its files are written
    review_phrases: The words of the sample reviews: what is bought, what is said of it, and how a review opens
    reviews: Sample product reviews made here: Korean shopping reviews, 긍정 or 부정, from a seed and nothing else
    sample_files: Sample data as files, one per split, all cut from one stream without repetition: nothing
    satisfaction: Sample pairs of messages made here: a customer writes twice of the same product, and is more
    speech_level_phrases: The words of the sample for speech levels: verbs, adjectives and nouns with what they
    speech_levels: Sample rewritings made here: casual Korean (해체, 해라체) into polite speech (해요체), from a seed
"""
