"""Writes a model's GGUF file again with float32 weights, of the same values: dequantise.py SOURCE.gguf TARGET.gguf

With quantised weights llama.cpp rounds activations to 8 bits too. With float32 ones it does not.
"""

import sys

import gguf
import numpy


def copy_metadata(reader, writer):
    for field in reader.fields.values():
        # The writer fills in what is about the file itself.
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind, *element_kind = field.types
        writer.add_key_value(field.name, field.contents(), kind, *element_kind)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def main():
    source, target = sys.argv[1:]
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    copy_metadata(reader, writer)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
