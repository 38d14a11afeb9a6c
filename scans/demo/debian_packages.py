"""Which packages the demonstration's Debian images hold: names and versions as in Debian 12, as plain tables.

One line a package: name, version, architecture, source, source version ("=" where it is the version), section,
priority, installed size in KiB, Multi-Arch ("-" for none).
"""

from typing import Final

BASE: Final = """
adduser 3.134 all adduser = admin important 686 foreign
apt 2.6.1 amd64 apt = admin required 4232 -
base-files 12.4+deb12u15 amd64 base-files = admin required 341 foreign
base-passwd 3.6.1 amd64 base-passwd = admin required 247 foreign
bash 5.2.15-2+b13 amd64 bash 5.2.15-2 shells required 7164 foreign
bsdutils 1:2.38.1-5+deb12u3 amd64 util-linux 2.38.1-5+deb12u3 utils required 355 foreign
coreutils 9.1-1 amd64 coreutils = utils required 18062 foreign
dash 0.5.12-2 amd64 dash = shells required 191 foreign
debconf 1.5.82 all debconf = admin required 491 foreign
debian-archive-keyring 2023.3+deb12u2 all debian-archive-keyring = misc important 293 foreign
debianutils 5.7-0.5~deb12u1 amd64 debianutils = utils required 243 foreign
diffutils 1:3.8-4 amd64 diffutils = utils required 1598 -
dpkg 1.21.23 amd64 dpkg = admin required 6409 foreign
e2fsprogs 1.47.0-2+b2 amd64 e2fsprogs 1.47.0-2 admin required 1497 foreign
findutils 4.9.0-4 amd64 findutils = utils required 1746 foreign
gcc-12-base 12.2.0-14+deb12u1 amd64 gcc-12 = libs optional 100 same
gpgv 2.2.40-1.1+deb12u2 amd64 gnupg2 = utils important 918 foreign
grep 3.8-5 amd64 grep = utils required 1245 foreign
gzip 1.12-1 amd64 gzip = utils required 252 -
hostname 3.23+nmu1 amd64 hostname = admin required 46 -
init-system-helpers 1.65.2+deb12u1 all init-system-helpers = admin required 133 foreign
libacl1 2.3.1-3 amd64 acl = libs optional 73 same
libapt-pkg6.0 2.6.1 amd64 apt = libs optional 3297 same
libattr1 1:2.5.1-4 amd64 attr = libs optional 59 same
libaudit-common 1:3.0.9-1 all audit = libs optional 22 foreign
libaudit1 1:3.0.9-1 amd64 audit = libs optional 150 same
libblkid1 2.38.1-5+deb12u3 amd64 util-linux = libs optional 398 same
libbz2-1.0 1.0.8-5+b1 amd64 bzip2 1.0.8-5 libs optional 106 same
libc-bin 2.36-9+deb12u14 amd64 glibc = libs required 2042 foreign
libc6 2.36-9+deb12u14 amd64 glibc = libs optional 13001 same
libcap-ng0 0.8.3-1+b3 amd64 libcap-ng 0.8.3-1 libs optional 65 same
libcap2 1:2.66-4+deb12u3+b1 amd64 libcap2 1:2.66-4+deb12u3 libs optional 95 same
libcom-err2 1.47.0-2+b2 amd64 e2fsprogs 1.47.0-2 libs optional 55 same
libcrypt1 1:4.4.33-2 amd64 libxcrypt = libs optional 233 same
libdb5.3 5.3.28+dfsg2-1 amd64 db5.3 = libs optional 1833 same
libdebconfclient0 0.270 amd64 cdebconf = libs optional 37 same
libext2fs2 1.47.0-2+b2 amd64 e2fsprogs 1.47.0-2 libs optional 535 same
libffi8 3.4.4-1 amd64 libffi = libs optional 68 same
libgcc-s1 12.2.0-14+deb12u1 amd64 gcc-12 = libs optional 140 same
libgcrypt20 1.10.1-3+deb12u1 amd64 libgcrypt20 = libs optional 1592 same
libgmp10 2:6.2.1+dfsg1-1.1 amd64 gmp = libs optional 855 same
libgnutls30 3.7.9-2+deb12u7 amd64 gnutls28 = libs optional 3396 same
libgpg-error0 1.46-1 amd64 libgpg-error = libs optional 192 same
libhogweed6 3.8.1-2 amd64 nettle = libs optional 463 same
libidn2-0 2.3.3-1+b1 amd64 libidn2 2.3.3-1 libs optional 439 same
liblz4-1 1.9.4-1 amd64 lz4 = libs optional 169 same
liblzma5 5.4.1-1+deb12u1 amd64 xz-utils = libs optional 333 same
libmd0 1.0.4-2 amd64 libmd = libs optional 79 same
libmount1 2.38.1-5+deb12u3 amd64 util-linux = libs optional 454 same
libnettle8 3.8.1-2 amd64 nettle = libs optional 520 same
libp11-kit0 0.24.1-2 amd64 p11-kit = libs optional 1408 same
libpam-modules 1.5.2-6+deb12u2 amd64 pam = admin required 1031 same
libpam-modules-bin 1.5.2-6+deb12u2 amd64 pam = admin required 227 foreign
libpam-runtime 1.5.2-6+deb12u2 all pam = admin required 876 foreign
libpam0g 1.5.2-6+deb12u2 amd64 pam = libs optional 215 same
libpcre2-8-0 10.42-1 amd64 pcre2 = libs optional 685 same
libseccomp2 2.5.4-1+deb12u1 amd64 libseccomp = libs optional 148 same
libselinux1 3.4-1+b6 amd64 libselinux 3.4-1 libs optional 199 same
libsemanage-common 3.4-1 all libsemanage = libs optional 37 foreign
libsemanage2 3.4-1+b5 amd64 libsemanage 3.4-1 libs optional 297 same
libsepol2 3.4-2.1 amd64 libsepol = libs optional 775 same
libsmartcols1 2.38.1-5+deb12u3 amd64 util-linux = libs optional 289 same
libss2 1.47.0-2+b2 amd64 e2fsprogs 1.47.0-2 libs optional 71 same
libstdc++6 12.2.0-14+deb12u1 amd64 gcc-12 = libs optional 2686 same
libsystemd0 252.39-1~deb12u2 amd64 systemd = libs optional 909 same
libtasn1-6 4.19.0-2+deb12u1 amd64 libtasn1-6 = libs optional 116 same
libtinfo6 6.4-4 amd64 ncurses = libs optional 541 same
libudev1 252.39-1~deb12u2 amd64 systemd = libs optional 240 same
libunistring2 1.0-2 amd64 libunistring = libs optional 1807 same
libuuid1 2.38.1-5+deb12u3 amd64 util-linux = libs optional 79 same
libxxhash0 0.8.1-1 amd64 xxhash = libs optional 99 same
libzstd1 1.5.4+dfsg2-5 amd64 libzstd = libs optional 785 same
login 1:4.13+dfsg1-1+deb12u2 amd64 shadow = admin required 2550 foreign
logsave 1.47.0-2+b2 amd64 e2fsprogs 1.47.0-2 admin optional 50 foreign
mawk 1.3.4.20200120-3.1 amd64 mawk = interpreters required 263 foreign
mount 2.38.1-5+deb12u3 amd64 util-linux = admin required 393 foreign
ncurses-base 6.4-4 all ncurses = misc required 379 foreign
ncurses-bin 6.4-4 amd64 ncurses = utils required 636 foreign
passwd 1:4.13+dfsg1-1+deb12u2 amd64 shadow = admin required 2827 foreign
perl-base 5.36.0-7+deb12u3 amd64 perl = perl required 7639 -
sed 4.9-1+deb12u1 amd64 sed = utils required 987 foreign
sysvinit-utils 3.06-4 amd64 sysvinit = admin required 100 foreign
tar 1.34+dfsg-1.2+deb12u1 amd64 tar = utils required 3144 foreign
tzdata 2026b-0+deb12u1 all tzdata = localization required 2573 foreign
usr-is-merged 37~deb12u1 all usrmerge = oldlibs optional 13 foreign
util-linux 2.38.1-5+deb12u3 amd64 util-linux = utils required 4978 foreign
util-linux-extra 2.38.1-5+deb12u3 amd64 util-linux = utils standard 366 foreign
zlib1g 1:1.2.13.dfsg-1 amd64 zlib = libs optional 168 same
"""
"""A minimal installation of release 12.15."""

EXTRA: Final = """
ca-certificates 20230311+deb12u1 all ca-certificates = misc standard 387 foreign
curl 7.88.1-10+deb12u14 amd64 curl = web optional 489 foreign
git 1:2.39.5-0+deb12u3 amd64 git = vcs optional 44890 foreign
libbrotli1 1.0.9-2+b6 amd64 brotli 1.0.9-2 libs optional 783 same
libcurl4 7.88.1-10+deb12u14 amd64 curl = libs optional 840 same
libexpat1 2.5.0-1+deb12u1 amd64 expat = libs optional 387 same
libfreetype6 2.12.1+dfsg-5+deb12u4 amd64 freetype = libs optional 886 same
libgdbm6 1.23-3 amd64 gdbm = libs optional 129 same
libgssapi-krb5-2 1.20.1-2+deb12u3 amd64 krb5 = libs optional 425 same
libk5crypto3 1.20.1-2+deb12u3 amd64 krb5 = libs optional 261 same
libkeyutils1 1.6.3-2 amd64 keyutils = libs optional 40 same
libkrb5-3 1.20.1-2+deb12u3 amd64 krb5 = libs optional 1077 same
libkrb5support0 1.20.1-2+deb12u3 amd64 krb5 = libs optional 134 same
libldap-2.5-0 2.5.13+dfsg-5 amd64 openldap = libs optional 553 same
libnghttp2-14 1.52.0-1+deb12u2 amd64 nghttp2 = libs optional 220 same
libpng16-16 1.6.39-2+deb12u4 amd64 libpng1.6 = libs optional 417 same
libpq5 15.18-0+deb12u1 amd64 postgresql-15 = libs optional 866 same
libpsl5 0.21.2-1 amd64 libpsl = libs optional 96 same
libreadline8 8.2-1.3 amd64 readline = libs optional 475 same
librtmp1 2.4+20151223.gitfa8646d.1-2+b2 amd64 rtmpdump 2.4+20151223.gitfa8646d.1-2 libs optional 146 same
libsasl2-2 2.1.28+dfsg-10 amd64 cyrus-sasl2 = libs optional 167 same
libsasl2-modules-db 2.1.28+dfsg-10 amd64 cyrus-sasl2 = libs optional 77 same
libsqlite3-0 3.40.1-2+deb12u2 amd64 sqlite3 = libs optional 1682 same
libssh2-1 1.10.0-3+b1 amd64 libssh2 1.10.0-3 libs optional 357 same
libssl3 3.0.19-1~deb12u2 amd64 openssl = libs optional 6029 same
libwebp7 1.2.4-0.2+deb12u1 amd64 libwebp = libs optional 544 same
media-types 10.0.0 all media-types = net standard 92 foreign
netbase 6.4 all netbase = admin important 36 foreign
openssh-client 1:9.2p1-2+deb12u6 amd64 openssh = net standard 5792 foreign
openssl 3.0.19-1~deb12u2 amd64 openssl = utils optional 2308 foreign
python3-six 1.16.0-4 all six = python optional 63 foreign
"""
"""What a Python service adds."""

OLDER_12_0: Final = """
base-files 12.4
ca-certificates 20230311
curl 7.88.1-10
debian-archive-keyring 2023.3
dpkg 1.21.22
expat 2.5.0-1
freetype 2.12.1+dfsg-5
gcc-12 12.2.0-14
git 1:2.39.2-1.1
glibc 2.36-9
gnupg2 2.2.40-1.1
gnutls28 3.7.9-2
init-system-helpers 1.65.2
krb5 1.20.1-2
libcap2 1:2.66-4
libgcrypt20 1.10.1-3
libpng1.6 1.6.39-2
libtasn1-6 4.19.0-2
libwebp 1.2.4-0.2
nghttp2 1.52.0-1
openssh 1:9.2p1-2
openssl 3.0.9-1
pam 1.5.2-6
perl 5.36.0-7
postgresql-15 15.3-0+deb12u1
sed 4.9-1
shadow 1:4.13+dfsg1-1
sqlite3 3.40.1-2
systemd 252.6-1
tar 1.34+dfsg-1.2
tzdata 2023c-5
util-linux 2.38.1-5
xz-utils 5.4.1-0.2
"""
"""Source package and version where release 12.0 had another one than BASE and EXTRA."""

OLDER_12_5: Final = """
base-files 12.4+deb12u5
ca-certificates 20230311
curl 7.88.1-10+deb12u5
debian-archive-keyring 2023.3+deb12u1
dpkg 1.21.22
expat 2.5.0-1
freetype 2.12.1+dfsg-5
gcc-12 12.2.0-14
git 1:2.39.2-1.1
glibc 2.36-9+deb12u4
gnupg2 2.2.40-1.1
gnutls28 3.7.9-2+deb12u2
init-system-helpers 1.65.2
krb5 1.20.1-2+deb12u1
libcap2 1:2.66-4
libgcrypt20 1.10.1-3
libpng1.6 1.6.39-2
libtasn1-6 4.19.0-2
libwebp 1.2.4-0.2+deb12u1
nghttp2 1.52.0-1+deb12u1
openssh 1:9.2p1-2+deb12u2
openssl 3.0.11-1~deb12u2
pam 1.5.2-6+deb12u1
perl 5.36.0-7+deb12u1
postgresql-15 15.5-0+deb12u1
sed 4.9-1
shadow 1:4.13+dfsg1-1
sqlite3 3.40.1-2
systemd 252.22-1~deb12u1
tar 1.34+dfsg-1.2+deb12u1
tzdata 2024a-0+deb12u1
util-linux 2.38.1-5
xz-utils 5.4.1-0.2
"""
"""The same for release 12.5."""
