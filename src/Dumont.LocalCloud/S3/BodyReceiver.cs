using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Xml;
using System.Xml.Linq;

namespace Dumont.LocalCloud.S3;

/// <summary>What is known of a body that was received and checked.</summary>
/// <param name="Piece">The file that holds it.</param>
/// <param name="ETag">Without quotes.</param>
/// <param name="Checksums">Those that were sent and are right, by name, in base64.</param>
internal sealed record ReceivedBody(ContentPiece Piece, string ETag, Dictionary<string, string> Checksums);

/// <summary>Receives the body of a put: takes its frames off, writes it to a file, computes what has to be checked, and checks it.</summary>
internal sealed class BodyReceiver : IDisposable
{
    /// <summary>The longest object of one put.</summary>
    public const long BytesMax = 5L << 30;

    private const long XmlBytesMax = 2 << 20;
    private const int Md5Bytes = 16;

    private readonly S3Request _request;
    private readonly S3Caller _caller;
    private readonly AwsChunkedBody? _frames;
    private readonly Dictionary<string, Checksum> _computed = [];
    private readonly byte[]? _md5;
    private readonly bool _isChecked;
    private readonly long _length;

    private BodyReceiver(S3Request request, S3Caller caller, bool isChecked = true)
    {
        _request = request;
        _caller = caller;
        _frames = AwsChunkedBody.IsKnown(caller.Payload) ? new AwsChunkedBody(caller) : null;
        _md5 = ReadMd5(request);
        _length = ReadLength(request, _frames is not null);
        _isChecked = isChecked;
        foreach (var name in Checksum.Names.Where(name => isChecked && (request.Header("x-amz-checksum-" + name) is not null || IsTrailer(name))))
        {
            _computed[name] = Checksum.Create(name);
        }

        if (_frames is null && caller.Payload != S3Caller.UnsignedPayload)
        {
            _computed.TryAdd("sha256", Checksum.Create("sha256"));
        }

        // The tag of an object is its MD5 for those who could know it. Computing it for a client that sends its bytes unsigned because hashing is
        // too slow for it would make the hash the limit after all; such an object has a tag like that of one encrypted with a key.
        if (_md5 is not null || caller.Payload is not (S3Caller.UnsignedPayload or AwsChunkedBody.UnsignedTrailer))
        {
            _computed["md5"] = Checksum.Create("md5");
        }
    }

    /// <summary>Receives the bytes of an object or a part into a file.</summary>
    /// <exception cref="S3Exception">The body is not what the head says.</exception>
    public static async Task<ReceivedBody> ReceiveAsync(S3Request request, S3Caller caller, ContentFolder folder)
    {
        using var receiver = new BodyReceiver(request, caller);
        using var file = folder.Create(receiver._length);
        await receiver.ReadAsync(file);
        var (tag, checksums) = receiver.Finish();
        return new ReceivedBody(file.Keep(), tag, checksums);
    }

    /// <summary>Receives a document.</summary>
    /// <param name="request">The call.</param>
    /// <param name="caller">Who makes it.</param>
    /// <param name="isChecked">Whether checksums in the head are those of the document; of the call that completes an upload they are those of the object.</param>
    /// <exception cref="S3Exception">It is not XML, longer than 2 MiB, or not what the head says.</exception>
    public static async Task<XElement> ReadXmlAsync(S3Request request, S3Caller caller, bool isChecked = true)
    {
        using var receiver = new BodyReceiver(request, caller, isChecked);
        if (receiver._length > XmlBytesMax)
        {
            throw new S3Exception(S3Error.MalformedXml);
        }

        using var text = new MemorySink();
        await receiver.ReadAsync(text);
        receiver.Finish();
        try
        {
            using var reader = XmlReader.Create(text.Rewound(), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            return XDocument.Load(reader).Root!;
        }
        catch (XmlException)
        {
            throw new S3Exception(S3Error.MalformedXml);
        }
    }

    public void Dispose()
    {
        _frames?.Dispose();
        foreach (var checksum in _computed.Values)
        {
            checksum.Dispose();
        }
    }

    private bool IsTrailer(string name) =>
        _request.Header("x-amz-trailer") is { } trailers && trailers.Contains("x-amz-checksum-" + name, StringComparison.OrdinalIgnoreCase)
        && trailers.Split(',', StringSplitOptions.TrimEntries).Contains("x-amz-checksum-" + name, StringComparer.OrdinalIgnoreCase);

    private static byte[]? ReadMd5(S3Request request)
    {
        if (request.Header("Content-MD5") is not { } text)
        {
            return null;
        }

        var bytes = new byte[Md5Bytes];
        return Convert.TryFromBase64String(text, bytes, out var written) && written == Md5Bytes ? bytes : throw new S3Exception(S3Error.InvalidDigest);
    }

    private static long ReadLength(S3Request request, bool isFramed)
    {
        var text = isFramed ? request.Header("x-amz-decoded-content-length") : request.Http.Request.ContentLength?.ToString(CultureInfo.InvariantCulture);
        if (text is null || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length))
        {
            throw new S3Exception(new S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header."));
        }

        return length <= BytesMax ? length : throw new S3Exception(S3Error.EntityTooLarge);
    }

    private async Task ReadAsync(BodySink sink)
    {
        var reader = _request.Http.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(_request.Aborted);
            var buffer = result.Buffer;
            if (_frames is null)
            {
                Take(buffer, sink);
                reader.AdvanceTo(buffer.End);
            }
            else
            {
                var consumed = _frames.Read(buffer, content => Take(content, sink));
                reader.AdvanceTo(consumed, buffer.End);
            }

            if (result.IsCompleted || _frames is { IsDone: true })
            {
                break;
            }
        }

        if (sink.Size != _length || _frames is { IsDone: false })
        {
            throw new S3Exception(S3Error.IncompleteBody);
        }
    }

    private void Take(ReadOnlySequence<byte> content, BodySink sink)
    {
        if (sink.Size + content.Length > _length)
        {
            throw new S3Exception(S3Error.IncompleteBody);
        }

        foreach (var memory in content)
        {
            foreach (var checksum in _computed.Values)
            {
                checksum.Append(memory.Span);
            }
        }

        sink.Write(content);
    }

    private (string Tag, Dictionary<string, string> Checksums) Finish()
    {
        var found = _computed.ToDictionary(pair => pair.Key, pair => pair.Value.Finish());
        if (_md5 is not null && !_md5.AsSpan().SequenceEqual(found["md5"]))
        {
            throw new S3Exception(S3Error.BadDigest);
        }

        if (_frames is null && _caller.Payload != S3Caller.UnsignedPayload
            && !Convert.ToHexStringLower(found["sha256"]).Equals(_caller.Payload, StringComparison.OrdinalIgnoreCase))
        {
            throw new S3Exception(S3Error.Sha256Mismatch);
        }

        var checksums = new Dictionary<string, string>();
        foreach (var name in Checksum.Names.Where(_ => _isChecked))
        {
            var sent = _request.Header("x-amz-checksum-" + name) ?? (IsTrailer(name) ? _frames?.Trailers.GetValueOrDefault("x-amz-checksum-" + name) : null);
            if (sent is null)
            {
                continue;
            }

            checksums[name] = Convert.ToBase64String(found[name]);
            if (checksums[name] != sent)
            {
                throw new S3Exception(S3Error.BadDigest with { Message = $"The {name.ToUpperInvariant()} you specified did not match the calculated checksum." });
            }
        }

        var tag = found.TryGetValue("md5", out var md5) ? Convert.ToHexStringLower(md5) : OpaqueTag();
        return (tag, checksums);
    }

    // The dash tells clients that it is no MD5.
    private static string OpaqueTag() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Md5Bytes)) + "-1";
}
