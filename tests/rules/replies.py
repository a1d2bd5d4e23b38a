"""Options of many kinds, and the ways in which a reply says a letter."""

from collections.abc import Mapping

HEART = {"A": "Left atrium", "B": "Left ventricle", "C": "Right atrium", "D": "Right ventricle"}
YES_NO = {"A": "Yes", "B": "No"}
STAGES = {"A": "I", "B": "II", "C": "III", "D": "IV"}
PANELS = {"A": "Panel C", "B": "Panel A", "C": "Panel D", "D": "Panel B"}
LETTERS = {"A": "C", "B": "D", "C": "A", "D": "B", "E": "None of the above"}
LUNG = {"A": "Lung", "B": "Lung cancer", "C": "Lung abscess", "D": "Lung cancer with pleural effusion"}
LENGTHS = {"A": "1.2 cm", "B": "2.1 cm", "C": "12 cm", "D": "21 cm"}
COUNTS = {"A": "1", "B": "2", "C": "3", "D": "12"}
GERMS = {"A": "S. aureus", "B": "E. coli", "C": "K. pneumoniae", "D": "P. aeruginosa", "E": "H. influenzae"}
SETS: tuple[Mapping[str, str], ...] = (HEART, YES_NO, STAGES, PANELS, LETTERS, LUNG, LENGTHS, COUNTS, GERMS)

# Frames around a letter {L}; each says clearly that it is the answer, whatever the options are.
LETTER_FRAMES = (
    "{L}",
    "{L}.",
    "({L})",
    "[{L}]",
    '"{L}"',
    "**{L}**",
    "`{L}`",
    "“{L}”",
    "- {L}",
    " {L} \n",
    "{L}</s>",
    "{L}<|im_end|>",
    "<answer>{L}</answer>",
    "<answer>\n{L}\n</answer>",
    "<answer>({L})</answer>",
    "<answer>{L}",
    "<ANSWER>{L}</ANSWER>",
    "<answer>{L}<answer>",
    "{L}</answer>",
    "&lt;answer&gt;{L}&lt;/answer&gt;",
    "<final_answer>{L}</final_answer>",
    "<|begin_of_box|>{L}<|end_of_box|>",
    "\\boxed{{{L}}}",
    "The final answer is $\\boxed{{\\text{{{L}}}}}$.",
    "Answer: {L}",
    "**Answer:** {L}",
    "**Answer: {L}**",
    "Final answer: ({L})",
    "### Final Answer\n\n{L}",
    "Answer - {L}",
    "The answer is {L}.",
    "The correct answer is: {L}",
    "I would choose {L}.",
    "I'll go with option {L}",
    "Option {L} is correct.",
    "Therefore, {L} is correct.",
    "So the best choice is {L}.",
    "It is not obvious at first; hence {L}.",
    "✅ {L}",
    '{{"reasoning": "seen", "answer": "{L}"}}',
    "```\n{L}\n```",
    "答案：{L}",
    "因此答案是{L}。",
    "故选{L}",
    "正解は{L}です",
    "정답은 {L}입니다",
    "La respuesta correcta es {L}.",
    "La réponse est {L}.",
    "Die richtige Antwort ist {L}.",
    "Antwort: {L}",
    "Ответ: {L}",
    "<think>It might be another one.</think>\n{L}",
    "<think>It might be.\n<answer>{L}</answer>",
    "thoughts\n</think>\n{L}",
    "<think>My first guess: <answer>Z</answer></think>\n<answer>{L}</answer>",
    "<answer>{L}</answer>\n\nI hope this helps!",
    "<answer>Answer: {L}</answer>",
    "<answer>The correct answer is {L}.</answer>",
    "<answer>{L}, since nothing else fits</answer>",
    "The answer is Z... no wait, the answer is {L}",
    "<answer>Z</answer> I was wrong. <answer>{L}</answer>",
)
