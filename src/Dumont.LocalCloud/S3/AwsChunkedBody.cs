using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Dumont.LocalCloud.S3;

/// <summary>Takes the frames off a body of the encoding <c>aws-chunked</c>.</summary>
/// <remarks><code>
/// 10000;chunk-signature=ad80…\r\n  bytes  \r\n
/// 0;chunk-signature=b6c6…\r\n  x-amz-checksum-crc32c:sOO8/Q==\r\n  x-amz-trailer-signature:d81f…\r\n  \r\n
/// </code>Without signatures the first two lines have no part after the length.</remarks>
internal sealed class AwsChunkedBody : IDisposable
{
    public const string Signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    public const string SignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    public const string UnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

    private const int LineMax = 4096;
    private const string EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private readonly S3Caller _caller;
    private readonly IncrementalHash? _chunk;
    private readonly StringBuilder _trailerText = new();
    private string _previous;
    private string? _declared;
    private long _left;
    private State _state = State.Head;

    public AwsChunkedBody(S3Caller caller)
    {
        _caller = caller;
        _previous = caller.Signature;
        _chunk = caller.Payload == UnsignedTrailer ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    }

    private enum State
    {
        Head,
        Content,
        ContentEnd,
        Trailer,
        Done,
    }

    public static bool IsKnown(string payload) => payload is Signed or SignedTrailer or UnsignedTrailer;

    public bool IsDone => _state == State.Done;

    /// <summary>Headers that came after the content.</summary>
    public Dictionary<string, string> Trailers { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Hands on the content in what has arrived and returns how far it has read.</summary>
    /// <exception cref="S3Exception">A frame is wrong, or its signature is.</exception>
    public SequencePosition Read(ReadOnlySequence<byte> arrived, Action<ReadOnlySequence<byte>> onContent)
    {
        while (_state != State.Done)
        {
            if (_state == State.Content)
            {
                var piece = arrived.Slice(0, Math.Min(_left, arrived.Length));
                if (piece.IsEmpty)
                {
                    break;
                }

                Hash(piece);
                onContent(piece);
                _left -= piece.Length;
                arrived = arrived.Slice(piece.End);
                if (_left == 0)
                {
                    CheckChunk();
                    _state = State.ContentEnd;
                }

                continue;
            }

            if (TryReadLine(ref arrived) is not { } line)
            {
                break;
            }

            ReadLine(line);
        }

        return arrived.Start;
    }

    public void Dispose() => _chunk?.Dispose();

    private void ReadLine(string line)
    {
        switch (_state)
        {
            case State.Head:
                ReadHead(line);
                break;
            case State.ContentEnd when line.Length == 0:
                _state = State.Head;
                break;
            case State.Trailer when line.Length == 0:
                CheckTrailer();
                _state = State.Done;
                break;
            case State.Trailer:
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                Trailers[colon < 0 ? line : line[..colon].Trim()] = colon < 0 ? "" : line[(colon + 1)..].Trim();
                if (!line.StartsWith("x-amz-trailer-signature", StringComparison.OrdinalIgnoreCase))
                {
                    _trailerText.Append(line).Append('\n');
                }

                break;
            default:
                throw Broken();
        }
    }

    private void ReadHead(string line)
    {
        var semicolon = line.IndexOf(';', StringComparison.Ordinal);
        var length = semicolon < 0 ? line : line[..semicolon];
        if (!long.TryParse(length, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _left) || _left < 0)
        {
            throw Broken();
        }

        const string Field = "chunk-signature=";
        _declared = semicolon >= 0 && line[(semicolon + 1)..].StartsWith(Field, StringComparison.Ordinal) ? line[(semicolon + 1 + Field.Length)..] : null;
        if (_chunk is not null && _declared is null)
        {
            throw Broken();
        }

        _state = _left > 0 ? State.Content : State.Trailer;
        if (_left == 0)
        {
            CheckChunk();
        }
    }

    private void Hash(ReadOnlySequence<byte> piece)
    {
        if (_chunk is null)
        {
            return;
        }

        foreach (var memory in piece)
        {
            _chunk.AppendData(memory.Span);
        }
    }

    private void CheckChunk()
    {
        if (_chunk is null)
        {
            return;
        }

        var text = $"AWS4-HMAC-SHA256-PAYLOAD\n{_caller.Time}\n{_caller.Scope}\n{_previous}\n{EmptyHash}\n{Convert.ToHexStringLower(_chunk.GetHashAndReset())}";
        var expected = S3Signature.Sign(_caller.SigningKey, text);
        if (!S3Signature.AreEqual(expected, _declared!))
        {
            throw new S3Exception(S3Error.SignatureDoesNotMatch);
        }

        _previous = expected;
    }

    private void CheckTrailer()
    {
        if (_caller.Payload != SignedTrailer)
        {
            return;
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_trailerText.ToString())));
        var expected = S3Signature.Sign(_caller.SigningKey, $"AWS4-HMAC-SHA256-TRAILER\n{_caller.Time}\n{_caller.Scope}\n{_previous}\n{hash}");
        if (!S3Signature.AreEqual(expected, Trailers.GetValueOrDefault("x-amz-trailer-signature", "")))
        {
            throw new S3Exception(S3Error.SignatureDoesNotMatch);
        }
    }

    private static string? TryReadLine(ref ReadOnlySequence<byte> arrived)
    {
        var reader = new SequenceReader<byte>(arrived);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> line, "\r\n"u8))
        {
            return arrived.Length > LineMax ? throw Broken() : null;
        }

        arrived = arrived.Slice(reader.Position);
        return line.Length > LineMax ? throw Broken() : Encoding.UTF8.GetString(line);
    }

    private static S3Exception Broken() => new(S3Error.InvalidRequest("The chunked body is malformed."));
}
