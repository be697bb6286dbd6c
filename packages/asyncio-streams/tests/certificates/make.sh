#!/bin/sh
# Makes the certificates that the tests use, and throws the authority's key away.
# server.pem is for localhost, 127.0.0.1 and ::1; both keys lie beside their certificates.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $key -keyout "$work/ca.key" -out ca.pem -days 36500 \
    -subj "/CN=asyncio test authority" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
make() {
    openssl req $key -keyout "$work/key" -out "$work/request" -subj "/CN=$2"
    printf '%s\n' "basicConstraints=CA:FALSE" "keyUsage=critical,digitalSignature" \
        "extendedKeyUsage=$3" "subjectAltName=$4" \
        "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" > "$work/extensions"
    openssl x509 -req -in "$work/request" -CA ca.pem -CAkey "$work/ca.key" \
        -CAserial "$work/serial" -CAcreateserial -days 36500 \
        -extfile "$work/extensions" -out "$work/certificate"
    cat "$work/certificate" "$work/key" > "$1.pem"
}
make server localhost serverAuth "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1"
make client "test client" clientAuth "DNS:client.example.test"
