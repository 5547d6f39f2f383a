using System.Net;
using System.Text.RegularExpressions;

namespace Dumont.Snapshots;

/// <summary>Where an <see cref="S3ObjectStore"/> keeps its objects and how it speaks to the server. Nothing is read from the environment.</summary>
public sealed partial record S3StoreOptions
{
    /// <summary>The server, as in <c>https://s3.eu-central-1.amazonaws.com</c>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The region that signatures name; many servers take any.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>The bucket. It must be there.</summary>
    public required string Bucket { get; init; }

    /// <summary>What every key begins with, without slashes around it; empty for none.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>The key that opens it.</summary>
    public required S3Credentials Credentials { get; init; }

    /// <summary>Whether the bucket stands in the path of an address (<c>https://host/bucket/key</c>), which every server understands, or before
    /// the host.</summary>
    public bool UsePathStyle { get; init; } = true;

    /// <summary>Whether bodies are hashed for the signature. Costs more time than sending them on a fast network; not needed over TLS, and the server
    /// compares a CRC-32C in any case.</summary>
    public bool SignPayload { get; init; }

    /// <summary>Whether bodies carry a CRC-32C for the server to compare. Given up by itself where the server refuses it.</summary>
    public bool SendChecksums { get; init; } = true;

    /// <summary>Whether an object is asked for after it was written: a server that acknowledges what it did not keep is found out at once.</summary>
    public bool VerifyWrites { get; init; } = true;

    /// <summary>Bytes of one part of a large object, both ways. 5 MiB to 64 MiB; default 8 MiB.</summary>
    public int PartBytes { get; init; } = 8 << 20;

    /// <summary>Connections at once. 1 to 256; default 8.</summary>
    public int Connections { get; init; } = 8;

    /// <summary>Times that a request is sent before it is given up. 1 to 20; default 6, over about ten seconds.</summary>
    public int Attempts { get; init; } = 6;

    /// <summary>The first pause before a request is sent again; each further one is at most twice as long. Default 200 ms.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a request may take, besides a second for every 128 KiB that it moves. Default 30 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A proxy, or null for none.</summary>
    public IWebProxy? Proxy { get; init; }

    /// <summary>The clock that signatures are dated by and pauses are measured with.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Options for a location of the form <c>s3://bucket/prefix</c>.</summary>
    /// <exception cref="ArgumentException">It is not one.</exception>
    public static S3StoreOptions ForLocation(string location, Uri endpoint, string region, S3Credentials credentials)
    {
        var match = Location().Match(location);
        if (!match.Success)
        {
            throw new ArgumentException($"'{location}' is not of the form s3://bucket/prefix", nameof(location));
        }

        return new S3StoreOptions
        {
            Endpoint = endpoint,
            Region = region,
            Bucket = match.Groups["bucket"].Value,
            Prefix = match.Groups["prefix"].Value.Trim('/'),
            Credentials = credentials,
        };
    }

    /// <exception cref="ArgumentException">A value cannot be used; the message names it.</exception>
    internal void Check()
    {
        var problem = this switch
        {
            { Endpoint: { IsAbsoluteUri: false } or { Scheme: not ("http" or "https") } } => "the endpoint is not a http or https address",
            { Bucket: var bucket } when !Name().IsMatch(bucket) => $"'{bucket}' is not the name of a bucket",
            { Prefix: var prefix } when prefix.Length > 0 && !IsPrefix(prefix) => $"'{prefix}' cannot be a prefix: letters, digits and /._- only",
            { PartBytes: < 5 << 20 or > 64 << 20 } => "a part is 5 MiB to 64 MiB",
            { Connections: < 1 or > 256 } => "connections are 1 to 256",
            { Attempts: < 1 or > 20 } => "attempts are 1 to 20",
            _ => null,
        };
        if (problem is not null)
        {
            throw new ArgumentException(problem);
        }
    }

    // "." and ".." would be taken out of an address before it is sent.
    private static bool IsPrefix(string prefix) => Prefixes().IsMatch(prefix) && prefix.Split('/').All(part => part is not ("" or "." or ".."));

    [GeneratedRegex(@"\As3://(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?<prefix>[A-Za-z0-9/._-]*))?\z")]
    private static partial Regex Location();

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[A-Za-z0-9/._-]{1,400}\z")]
    private static partial Regex Prefixes();
}
