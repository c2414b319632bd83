"""Dependencies point one way: who may include what of ours."""

import sources

# Each folder may include itself and these. The longest prefix of a file's path decides.
ENGINE_FOR_FRONTEND = ("engine/base", "engine/format", "engine/partition/requests.h",
                       "engine/partition/entity_requests.h", "engine/segment/block.h", "engine/store/log.h")
ENGINE_FOR_COMPOSITION = (*ENGINE_FOR_FRONTEND, "engine/store/store.h", "engine/device/device.h",
                          "engine/device/posix_device.h", "engine/device/uring_device.h")
EVERYTHING = ("engine", "frontend", "tools", "tests", "bench", "bimip")
ALLOWED = {
    "engine/base": (),
    "engine/device": ("engine/base",),
    "engine/format": ("engine/base",),
    "engine/segment": ("engine/base", "engine/device", "engine/format"),
    "engine/entity": ("engine/base", "engine/device", "engine/format", "engine/segment"),
    "engine/partition": ("engine/base", "engine/device", "engine/format", "engine/segment", "engine/entity"),
    "engine/store": ("engine",),
    "frontend": ("frontend", "bimip", *ENGINE_FOR_FRONTEND),
    "frontend/node": ("frontend", "bimip", *ENGINE_FOR_COMPOSITION),
    "frontend/main.cc": ("frontend", "bimip", *ENGINE_FOR_COMPOSITION),
    "tools": EVERYTHING,
    "tests": EVERYTHING,
    "bench": EVERYTHING,
}
GENERATED = "bimip/v1/"  # what protoc makes of proto/


def is_in(path, folder):
    return path == folder or path.startswith(folder + "/")


def breaches(root):
    for file in sources.code_files(root):
        path = str(file)
        homes = [folder for folder in ALLOWED if is_in(path, folder)]
        if not homes:
            yield f"{path}: in a folder that the rule does not know"
            continue
        home = max(homes, key=len)
        for line, name, in_quotes in sources.includes(root, file):
            ours = is_in(name, "bimip") or (root / name).is_file()
            if not ours:
                if in_quotes:
                    yield f"{path}:{line}: \"{name}\" is no file of ours by its path from the root"
                continue
            if not in_quotes and not name.startswith(GENERATED):
                yield f"{path}:{line}: our own {name} in angle brackets"
            if not any(is_in(name, folder) for folder in (home, *ALLOWED[home])):
                yield f"{path}:{line}: {home} may not include {name}"


if __name__ == "__main__":
    sources.main(breaches)
