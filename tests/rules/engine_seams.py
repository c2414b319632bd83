"""The engine knows no stanza, no socket and no protobuf, and meets the operating system only in engine/device."""

import re

import sources

FOREIGN = re.compile(r"(google/protobuf|boost|asio|openssl|spdlog|fmt|CLI|nlohmann|bimip|grpc)[/.]")
OPERATING_SYSTEM = re.compile(
    r"(sys|linux|asm|arpa|net|netinet)/|liburing|"
    r"(unistd|fcntl|pthread|sched|signal|poll|dirent|aio|dlfcn|termios|sysexits|fstream|ftw|spawn)(\.h)?$"
)


def breaches(root):
    for file in sources.code_files(root):
        if file.parts[0] != "engine":
            continue
        for line, name, _ in sources.includes(root, file):
            if FOREIGN.match(name):
                yield f"{file}:{line}: the engine includes {name}"
            elif OPERATING_SYSTEM.match(name) and file.parts[1] != "device":
                yield f"{file}:{line}: {name} outside engine/device"


if __name__ == "__main__":
    sources.main(breaches)
