"""One command on a study: request, checks, search, export, summary, and the lines a person reads.

What works on an exported folder alone belongs in `delivery.inference`.

    finalize: What a sitting leaves: the best model exported, its mistakes, its test score; and what earlier
    progress_bar: How far a training is, on a terminal: a bar under the lines that tell of its evaluations
    report_lines: The last lines of a sitting: what came out, what failed, what to do next
    session: One sitting at the keyboard: from options to a finished study, an exported model and its summary
    status: How a study stands: its trials, the best of them, who works on it, on what, and for how long.
    training: One configuration without a search, in this process: a debug run, or the training of what a search found
    trust: Whether the code that comes with a study's model may be run: what `study.yaml` says is not enough
    tune_request: Everything that can be found wrong before anything is started or written
"""
