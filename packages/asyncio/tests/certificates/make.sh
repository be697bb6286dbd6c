#!/bin/sh
# Makes the certificates that the tests use, and throws the authority's key away.
# server.pem is for localhost, 127.0.0.1 and ::1; both keys lie beside their certificates.
# They are valid from 2020 on, whatever the clock of the machine that makes them says.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/index"
cat > "$work/config" << END
[ca]
default_ca = authority
[authority]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END

# sign NAME SUBJECT EXTENSIONS… -- OPTIONS… of `openssl ca`
sign() {
    name=$1 subject=$2
    shift 2
    : > "$work/extensions"
    while [ "$1" != -- ]; do
        echo "$1" >> "$work/extensions"
        shift
    done
    shift
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$name.key" \
        -out "$work/$name.csr" -subj "/CN=$subject"
    openssl ca -batch -notext -config "$work/config" -in "$work/$name.csr" \
        -startdate 20200101000000Z -enddate 21200101000000Z \
        -extfile "$work/extensions" -out "$work/$name.crt" "$@"
}
sign ca "asyncio test authority" "basicConstraints=critical,CA:TRUE" \
    "keyUsage=critical,keyCertSign,cRLSign" "subjectKeyIdentifier=hash" \
    -- -selfsign -keyfile "$work/ca.key"
cp "$work/ca.crt" ca.pem
for kind in server client; do
    case $kind in
        server) subject=localhost names="DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1" ;;
        client) subject="test client" names="DNS:client.example.test" ;;
    esac
    sign $kind "$subject" "basicConstraints=CA:FALSE" "keyUsage=critical,digitalSignature" \
        "extendedKeyUsage=${kind}Auth" "subjectAltName=$names" \
        "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" \
        -- -cert ca.pem -keyfile "$work/ca.key"
    cat "$work/$kind.crt" "$work/$kind.key" > $kind.pem
done
