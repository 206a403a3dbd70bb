import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

type Field = readonly [name: string, number: number, type: Type, typeName?: string];

function message(
  name: string,
  fields: readonly Field[],
  repeated: readonly string[] = [],
): DescriptorProto {
  const field = fields.map(([fieldName, number, type, typeName]) =>
    create(FieldDescriptorProtoSchema, {
      name: fieldName,
      jsonName: fieldName,
      number,
      type,
      label: repeated.includes(fieldName) ? Label.REPEATED : Label.OPTIONAL,
      ...(typeName === undefined ? {} : { typeName: `.raftpb.${typeName}` }),
    }),
  );
  return create(DescriptorProtoSchema, { name, field });
}

// Enums are declared as uint64: on the wire they are the same, and unknown values stay comparable.
const file = create(FileDescriptorProtoSchema, {
  name: "raftpb.proto",
  package: "raftpb",
  syntax: "proto2",
  messageType: [
    message("Entry", [
      ["type", 1, Type.UINT64],
      ["term", 2, Type.UINT64],
      ["index", 3, Type.UINT64],
      ["data", 4, Type.BYTES],
    ]),
    message(
      "Message",
      [
        ["type", 1, Type.UINT64],
        ["to", 2, Type.UINT64],
        ["from", 3, Type.UINT64],
        ["term", 4, Type.UINT64],
        ["logTerm", 5, Type.UINT64],
        ["index", 6, Type.UINT64],
        ["entries", 7, Type.MESSAGE, "Entry"],
        ["commit", 8, Type.UINT64],
        ["snapshot", 9, Type.MESSAGE, "Snapshot"],
        ["reject", 10, Type.BOOL],
        ["rejectHint", 11, Type.UINT64],
        ["context", 12, Type.BYTES],
        ["vote", 13, Type.UINT64],
        ["responses", 14, Type.MESSAGE, "Message"],
      ],
      ["entries", "responses"],
    ),
    message("Snapshot", [
      ["data", 1, Type.BYTES],
      ["metadata", 2, Type.MESSAGE, "SnapshotMetadata"],
    ]),
    message("SnapshotMetadata", [
      ["confState", 1, Type.MESSAGE, "ConfState"],
      ["index", 2, Type.UINT64],
      ["term", 3, Type.UINT64],
    ]),
    message(
      "ConfState",
      [
        ["voters", 1, Type.UINT64],
        ["learners", 2, Type.UINT64],
        ["votersOutgoing", 3, Type.UINT64],
        ["learnersNext", 4, Type.UINT64],
        ["autoLeave", 5, Type.BOOL],
      ],
      ["voters", "learners", "votersOutgoing", "learnersNext"],
    ),
    message("ConfChangeSingle", [
      ["type", 1, Type.UINT64],
      ["nodeId", 2, Type.UINT64],
    ]),
    message(
      "ConfChangeV2",
      [
        ["transition", 1, Type.UINT64],
        ["changes", 2, Type.MESSAGE, "ConfChangeSingle"],
        ["context", 3, Type.BYTES],
        ["result", 15, Type.MESSAGE, "ConfState"],
      ],
      ["changes"],
    ),
    message("HardState", [
      ["term", 1, Type.UINT64],
      ["vote", 2, Type.UINT64],
      ["commit", 3, Type.UINT64],
    ]),
    message("MessageBatch", [["messages", 1, Type.MESSAGE, "Message"]], ["messages"]),
  ],
});

const registry = createFileRegistry(file, () => undefined);

/** The names of the messages of the schema that are written or read by themselves. */
export type SchemaName =
  | "Entry"
  | "Message"
  | "HardState"
  | "MessageBatch"
  | "Snapshot"
  | "ConfState"
  | "ConfChangeV2";

/** The descriptor of a message of `raftpb`, for the protobuf library that ours is compared with. */
export function schemaOf(name: SchemaName): DescMessage {
  const schema = registry.getMessage(`raftpb.${name}`);
  if (schema === undefined) throw new Error(`the schema has no message ${name}`);
  return schema;
}
