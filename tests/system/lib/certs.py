"""A certificate authority of the story, by openssl(1). Every file is a path; nothing is ever committed."""
import os
import ssl
import subprocess

from story import need


class Authority:
    def __init__(self, folder):
        self.dir = folder
        self.openssl = need("openssl")
        self.ca = str(folder / "ca.crt")
        self.key("ca")
        self.run("req", "-x509", "-key", self.path("ca.key"), "-out", self.ca, "-days", "30", "-subj", "/CN=test CA")

    def path(self, name):
        return str(self.dir / name)

    def run(self, *args):
        subprocess.run([self.openssl, *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def key(self, name, kind="ec"):
        if kind == "rsa":
            self.run("genrsa", "-out", self.path(f"{name}.key"), "2048")
        else:
            self.run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path(f"{name}.key"))
        return self.path(f"{name}.key")

    def issue(self, name, kind="ec", names="DNS:localhost,IP:127.0.0.1", days=20):
        """A new key and its certificate: --cert, --pkey."""
        key, crt, csr, ext = self.key(name, kind), self.path(f"{name}.crt"), self.path("csr"), self.path("ext")
        with open(ext, "w") as f:
            f.write(f"subjectAltName={names}\n")
        self.run("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", csr)
        self.run("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.path("ca.key"), "-CAcreateserial",
                 "-days", str(days), "-extfile", ext, "-out", crt)
        return crt, key

    def replace(self, source, target):
        """As an administrator's mv would: the target is the old file or the new, never half of one."""
        for suffix in (".crt", ".key"):
            with open(self.path(source + suffix), "rb") as f, open(self.path("new"), "wb") as t:
                t.write(f.read())
            os.rename(self.path("new"), self.path(target + suffix))

    def trust(self, **settings):
        """What a client of this authority uses."""
        context = ssl.create_default_context(cafile=self.ca)
        for name, value in settings.items():
            setattr(context, name, value)
        return context


def subject(sock):
    """Whose certificate the other side showed."""
    return dict(pair for part in sock.getpeercert()["subject"] for pair in part)["commonName"]
