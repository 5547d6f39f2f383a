using System.Globalization;
using System.Net;
using System.Security;
using System.Text;
using System.Xml.Linq;

namespace Dumont.Snapshots;

/// <summary>Writes one large object in parts, several at once, and makes it visible with the last call or leaves nothing.</summary>
internal sealed class S3Upload(S3Transport transport, S3StoreOptions options, string name, ReadOnlyMemory<byte> content, IReadOnlyList<(string Name, string Value)> headers)
{
    private readonly int _partBytes = (int)Math.Max(options.PartBytes, (content.Length / 9_000L) + 1);

    private string What => $"write {name}";

    private int PartCount => (content.Length + _partBytes - 1) / _partBytes;

    /// <summary>Returns false when a condition did not hold, or the upload was gone at its end: then the caller has to look what is there.</summary>
    /// <param name="conditions">Headers that put a condition on the object becoming visible.</param>
    /// <param name="resumes">Whether parts that an interrupted upload of the same name has left are taken over where their checksums are right.</param>
    /// <param name="cancellationToken">Ends it; what was sent is thrown away.</param>
    public async Task<bool> RunAsync(IReadOnlyList<(string Name, string Value)> conditions, bool resumes, CancellationToken cancellationToken)
    {
        var parts = new Part?[PartCount];
        var (id, isFullObject) = (resumes ? await ResumeAsync(parts, cancellationToken) : null) is { } left ? (left, true) : await BeginAsync(cancellationToken);
        try
        {
            await Parallel.ForEachAsync(
                Enumerable.Range(0, PartCount).Where(part => parts[part] is null),
                new ParallelOptions { MaxDegreeOfParallelism = options.Connections, CancellationToken = cancellationToken },
                async (part, token) => parts[part] = await PutPartAsync(id, part, token));
            return await CompleteAsync(id, parts!, isFullObject, conditions, cancellationToken);
        }
        catch
        {
            await AbortAsync(id);
            throw;
        }
    }

    private async Task<(string Id, bool IsFullObject)> BeginAsync(CancellationToken cancellationToken) => await transport.RunAsync(
        () => new S3Call(HttpMethod.Post, transport.AddressOf(name, "uploads="), What)
        {
            Headers = transport.SendsChecksums ? [.. headers, ("x-amz-checksum-algorithm", "CRC32C"), ("x-amz-checksum-type", "FULL_OBJECT")] : headers,
        },
        async (response, _, token) =>
        {
            var document = await S3Xml.ReadAsync(response, token);
            var id = document.Text("UploadId") ?? throw new DamagedAnswerException("the server began an upload without a name");
            return (id, response.Headers.TryGetValues("x-amz-checksum-type", out var types) && types.First() == "FULL_OBJECT");
        },
        cancellationToken);

    // Looks for an upload of this very object that a killed process left, and which of its parts are right.
    private async Task<string?> ResumeAsync(Part?[] parts, CancellationToken cancellationToken)
    {
        if (!transport.SendsChecksums)
        {
            return null;
        }

        var key = transport.KeyOf(name);
        var uploads = await transport.RunAsync(
            () => new S3Call(HttpMethod.Get, transport.AddressOf("", "max-uploads=10&prefix=" + Uri.EscapeDataString(key) + "&uploads="), What)
            {
                Accepts = [HttpStatusCode.NotImplemented, HttpStatusCode.Forbidden],
            },
            async (response, _, token) => response.IsSuccessStatusCode ? await S3Xml.ReadAsync(response, token) : new XElement("None"),
            cancellationToken);
        var left = uploads.Children("Upload").LastOrDefault(upload => upload.Text("Key") == key)?.Text("UploadId");
        if (left is null)
        {
            return null;
        }

        var document = await transport.RunAsync(
            () => new S3Call(HttpMethod.Get, transport.AddressOf(name, "uploadId=" + Uri.EscapeDataString(left)), What) { Accepts = [HttpStatusCode.NotFound] },
            async (response, _, token) => response.IsSuccessStatusCode ? await S3Xml.ReadAsync(response, token) : new XElement("None"),
            cancellationToken);
        var found = 0;
        foreach (var part in document.Children("Part"))
        {
            if (int.TryParse(part.Text("PartNumber"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= parts.Length
                && part.Text("ETag") is { } tag && part.Text("ChecksumCRC32C") is { } checksum)
            {
                var bytes = PartOf(number - 1);
                var crc = S3Crc.Append(0, bytes.Span);
                if (part.Text("Size") == bytes.Length.ToString(CultureInfo.InvariantCulture) && checksum == S3Crc.ToBase64(crc))
                {
                    parts[number - 1] = new Part(tag, crc);
                    found++;
                }
            }
        }

        return found > 0 ? left : null;
    }

    private ReadOnlyMemory<byte> PartOf(int part) => content.Slice(part * _partBytes, Math.Min(_partBytes, content.Length - (part * _partBytes)));

    private async Task<Part> PutPartAsync(string id, int part, CancellationToken cancellationToken)
    {
        var bytes = PartOf(part);
        var crc = transport.SendsChecksums ? S3Crc.Append(0, bytes.Span) : 0;
        var query = string.Create(CultureInfo.InvariantCulture, $"partNumber={part + 1}&uploadId={Uri.EscapeDataString(id)}");
        return await transport.RunAsync(
            () => new S3Call(HttpMethod.Put, transport.AddressOf(name, query), What)
            {
                Body = bytes,
                Headers = transport.SendsChecksums ? [("x-amz-checksum-crc32c", S3Crc.ToBase64(crc))] : [],
            },
            (response, _, _) => Task.FromResult(new Part(response.Headers.ETag?.ToString() ?? throw new DamagedAnswerException("the server took a part and gave it no tag"), crc)),
            cancellationToken);
    }

    private async Task<bool> CompleteAsync(
        string id, Part[] parts, bool isFullObject, IReadOnlyList<(string Name, string Value)> conditions, CancellationToken cancellationToken)
    {
        var document = new StringBuilder("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        var whole = 0u;
        for (var i = 0; i < parts.Length; i++)
        {
            var checksum = transport.SendsChecksums ? $"<ChecksumCRC32C>{S3Crc.ToBase64(parts[i].Crc)}</ChecksumCRC32C>" : "";
            document.Append(CultureInfo.InvariantCulture, $"<Part>{checksum}<ETag>{SecurityElement.Escape(parts[i].Tag)}</ETag><PartNumber>{i + 1}</PartNumber></Part>");
            whole = S3Crc.Combine(whole, parts[i].Crc, PartOf(i).Length);
        }

        var body = Encoding.UTF8.GetBytes(document.Append("</CompleteMultipartUpload>").ToString());
        var isChecked = isFullObject && transport.SendsChecksums;
        return await transport.RunAsync(
            () => new S3Call(HttpMethod.Post, transport.AddressOf(name, "uploadId=" + Uri.EscapeDataString(id)), What)
            {
                Body = body,
                Headers = isChecked ? [.. conditions, ("x-amz-checksum-crc32c", S3Crc.ToBase64(whole)), ("x-amz-checksum-type", "FULL_OBJECT")] : conditions,
                Accepts = [HttpStatusCode.PreconditionFailed, HttpStatusCode.NotFound],
            },
            (response, _, token) => ReadCompletionAsync(response, id, token),
            cancellationToken);
    }

    private async Task<bool> ReadCompletionAsync(HttpResponseMessage response, string id, CancellationToken cancellationToken)
    {
        if (response.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            await AbortAsync(id);
            return false;
        }

        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            // Somebody aborted it, or took it up as well and was faster, or an earlier attempt went through and its answer was lost: the caller looks.
            return false;
        }

        // S3 may have begun to answer before it knew how it would end.
        var document = await S3Xml.ReadAsync(response, cancellationToken);
        return document.Name.LocalName == "CompleteMultipartUploadResult" ? true : throw new DamagedAnswerException($"the server could not put the parts together ({document.Text("Code")})");
    }

    // Best effort: a bucket has a rule for what is left anyway.
    private async Task AbortAsync(string id)
    {
        try
        {
            await transport.RunAsync(
                () => new S3Call(HttpMethod.Delete, transport.AddressOf(name, "uploadId=" + Uri.EscapeDataString(id)), What) { Accepts = [HttpStatusCode.NotFound] },
                (_, _, _) => Task.FromResult(true),
                CancellationToken.None);
        }
        catch (ObjectStoreException)
        {
        }
    }

    private sealed record Part(string Tag, uint Crc);
}
