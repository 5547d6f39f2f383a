namespace Dumont.LocalCloud.Faults;

/// <summary>What a call to a provider does, in words that both providers share. Every provider endpoint carries one.</summary>
/// <param name="Provider"><c>vast</c> or <c>gcp</c>; S3 has a port of its own and no endpoints.</param>
/// <param name="Resolve">The operation, which for some calls stands in the body.</param>
internal sealed record CloudOperation(string Provider, Func<HttpContext, Task<string>> Resolve)
{
    public const string Search = "search";
    public const string Create = "create";
    public const string List = "list";
    public const string Get = "get";
    public const string Start = "start";
    public const string Stop = "stop";
    public const string Destroy = "destroy";
    public const string Reboot = "reboot";
    public const string Label = "label";
    public const string Bid = "bid";
    public const string Volume = "volume";
    public const string Copy = "copy";
    public const string Billing = "billing";
    public const string Logs = "logs";
    public const string Command = "command";
    public const string Keys = "keys";
    public const string Balance = "balance";
    public const string Metadata = "metadata";
    public const string Catalogue = "catalogue";
    public const string Operation = "operation";
    public const string Token = "token";
    public const string Batch = "batch";
    public const string DiskList = "disk-list";
    public const string DiskCreate = "disk-create";
    public const string DiskChange = "disk-change";
    public const string DiskAttach = "disk-attach";
    public const string DiskDestroy = "disk-destroy";

    public const string BucketCall = "bucket";
    public const string ObjectPut = "object-put";
    public const string ObjectGet = "object-get";
    public const string ObjectHead = "object-head";
    public const string ObjectDelete = "object-delete";
    public const string ObjectList = "object-list";
    public const string UploadBegin = "upload-begin";
    public const string PartPut = "part-put";
    public const string UploadComplete = "upload-complete";
    public const string UploadAbort = "upload-abort";
    public const string UploadList = "upload-list";

    /// <summary>Those of S3, which the providers of machines have none of.</summary>
    public static readonly IReadOnlyList<string> OfS3 =
        [BucketCall, ObjectPut, ObjectGet, ObjectHead, ObjectDelete, ObjectList, UploadBegin, PartPut, UploadComplete, UploadAbort, UploadList];

    private static readonly string[] VastOnly = [Search, Command, Keys, Balance, Bid, Volume, Copy, Billing];
    private static readonly string[] GcpOnly = [Metadata, Catalogue, Operation, Token, Batch, DiskList, DiskCreate, DiskChange, DiskAttach, DiskDestroy];

    /// <summary>Whether a provider has calls of this kind.</summary>
    public static bool IsOf(string operation, string provider) => provider == "s3"
        ? OfS3.Contains(operation)
        : !OfS3.Contains(operation) && !(provider == "vast" ? GcpOnly : VastOnly).Contains(operation);

    public static CloudOperation Of(string provider, string operation) => new(provider, _ => Task.FromResult(operation));
}

internal static class CloudOperationConventions
{
    /// <summary>Says what the endpoint does, so that faults can be aimed at it.</summary>
    public static RouteHandlerBuilder Does(this RouteHandlerBuilder builder, CloudOperation operation) => builder.WithMetadata(operation);
}
