"""One command on a study: request, checks, trials, export, summary, and the lines a user reads.

What works on an exported folder alone belongs in `delivery.inference`.

    finalize: The end of a session: exports and scores the best model
    progress_bar: The progress bar of a training in this process, on a terminal
    report_lines: Lines of a session: the disk space that it needs, its results, its failures, what to do next
    resume_from: Continues a training from the checkpoint of an interrupted trial (`train --resume-from`)
    runners: The two ways to run the trials of a study: many on Ray, or one in this process
    session: One session of a study, the flow behind `tune`, `train` and `resume`
    space_options: From a search space's name and command-line options to a checked space
    status: The status of a study: its trials, the best of them, its running session. Changes nothing
    study_data: The data files of a study when a session starts
    study_list: The table of all studies in a storage, as `status` without a name prints it
    study_request: A request for a new study, and every check that is possible before anything is started or written
    trust: Whether the code that comes with a study's model may run
"""
