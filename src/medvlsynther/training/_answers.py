"""Whether a model's folder loads and answers: run by its path under a Python with transformers."""

import sys


def main(folder: str) -> None:
    """End with an error where the model cannot be loaded, or says nothing about a grey image."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    parts = [{"type": "image"}, {"type": "text", "text": "Answer: A or B?"}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True
    )
    asked = processor(text=[text], images=[Image.new("RGB", (56, 56), "grey")], return_tensors="pt").to(model.device)
    with torch.inference_mode():
        logits = model(**asked).logits
        said = model.generate(**asked, max_new_tokens=4, do_sample=False)
    if not torch.isfinite(logits).all():
        raise SystemExit("its scores are not numbers")
    if said.shape[1] <= asked["input_ids"].shape[1]:
        raise SystemExit("it says nothing")


if __name__ == "__main__":
    main(sys.argv[1])
