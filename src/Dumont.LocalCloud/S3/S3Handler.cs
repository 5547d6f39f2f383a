using System.Security.Cryptography;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;

namespace Dumont.LocalCloud.S3;

/// <summary>Takes every call: finds out what it does, lets faults strike, checks the signature, and hands it on.</summary>
internal sealed class S3Handler(S3Account account, BucketShelf shelf, FaultBook faults, TimeProvider time, ILogger<S3Handler> logger)
{
    private readonly S3Authentication _authentication = new(account, time);
    private readonly S3Faults _faults = new(faults, time);
    private readonly ObjectCalls _objects = new(shelf, time);
    private readonly UploadCalls _uploads = new(shelf, new ObjectCalls(shelf, time), time);
    private readonly BucketCalls _buckets = new(shelf, account.Region);
    private readonly ListCalls _lists = new(shelf);

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers["x-amz-request-id"] = Convert.ToHexString(RandomNumberGenerator.GetBytes(8));
        S3Request? request = null;
        try
        {
            request = S3Request.Read(http);
            await _faults.RunAsync(request, OperationOf(request), () => DispatchAsync(request));
        }
        catch (S3Exception e) when (!http.Response.HasStarted)
        {
            await AnswerAsync(http, request, e.Error);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to answer to.
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e) when (!http.Response.HasStarted)
        {
            // The client stopped sending in the middle of a body.
            await AnswerAsync(http, request, S3Error.IncompleteBody with { Message = e.Message });
        }
        catch (Exception e) when (!http.Response.HasStarted)
        {
            LocalCloudLog.RequestFailed(logger, http.Request.Method, http.Request.Path, e);
            await AnswerAsync(http, request, new S3Error(500, "InternalError", "We encountered an internal error. Please try again."));
        }
    }

    /// <summary>What a call does, in the words of the fault table.</summary>
    public static string OperationOf(S3Request request) => (request.Method, request.Key.Length > 0) switch
    {
        ("GET", true) when request.Has("uploadId") => CloudOperation.UploadList,
        ("GET", true) => CloudOperation.ObjectGet,
        ("HEAD", true) => CloudOperation.ObjectHead,
        ("PUT", true) => request.Has("uploadId") ? CloudOperation.PartPut : CloudOperation.ObjectPut,
        ("POST", true) => request.Has("uploads") ? CloudOperation.UploadBegin : CloudOperation.UploadComplete,
        ("DELETE", true) => request.Has("uploadId") ? CloudOperation.UploadAbort : CloudOperation.ObjectDelete,
        ("POST", false) => CloudOperation.ObjectDelete,
        ("GET", false) when request.Has("uploads") => CloudOperation.UploadList,
        ("GET", false) when request.Bucket.Length > 0 && request.Parameters.All(parameter => IsOfList(parameter.Key)) => CloudOperation.ObjectList,
        _ => CloudOperation.BucketCall,
    };

    private static bool IsOfList(string parameter) =>
        parameter is "list-type" or "prefix" or "delimiter" or "marker" or "max-keys" or "encoding-type" or "start-after" or "continuation-token" or "fetch-owner"
        || parameter.StartsWith("X-Amz-", StringComparison.Ordinal) || parameter == "x-id";

    private static Task AnswerAsync(HttpContext http, S3Request? request, S3Error error)
    {
        var id = http.Response.Headers["x-amz-request-id"];
        http.Response.Clear();
        http.Response.Headers["x-amz-request-id"] = id;
        if (request is null)
        {
            http.Response.StatusCode = error.Status;
            return Task.CompletedTask;
        }

        return S3Answer.WriteAsync(request, error);
    }

    private Task DispatchAsync(S3Request request)
    {
        var caller = _authentication.Check(request);
        RefuseLeftOut(request);
        if (request.Bucket.Length == 0)
        {
            return request.Method == "GET" ? _buckets.ListAsync(request) : throw new S3Exception(S3Error.MethodNotAllowed);
        }

        return request.Key.Length == 0 ? DispatchBucketAsync(request, caller) : DispatchObjectAsync(request, caller);
    }

    private Task DispatchBucketAsync(S3Request request, S3Caller caller) => request.Method switch
    {
        "GET" when request.Has("uploads") => _buckets.ListUploadsAsync(request),
        "GET" => _buckets.FindSetting(request) ?? _lists.ListAsync(request),
        "HEAD" => _buckets.HeadAsync(request),
        "PUT" => _buckets.CreateAsync(request, caller),
        "DELETE" => _buckets.DeleteAsync(request),
        "POST" when request.Has("delete") => _buckets.DeleteManyAsync(request, caller),
        _ => throw new S3Exception(S3Error.MethodNotAllowed),
    };

    private Task DispatchObjectAsync(S3Request request, S3Caller caller) => request.Method switch
    {
        "GET" when request.Has("uploadId") => _uploads.ListPartsAsync(request),
        "GET" when request.Has("acl") => _buckets.AclAsync(request),
        "GET" when request.Has("tagging") => TagsAsync(request),
        "GET" => _objects.GetAsync(request),
        "HEAD" => _objects.HeadAsync(request),
        "PUT" when request.Has("uploadId") => request.Header("x-amz-copy-source") is null ? _uploads.PutPartAsync(request, caller) : _uploads.CopyPartAsync(request),
        "PUT" => request.Header("x-amz-copy-source") is null ? _objects.PutAsync(request, caller) : _objects.CopyAsync(request),
        "POST" when request.Has("uploads") => _uploads.BeginAsync(request),
        "POST" when request.Has("uploadId") => _uploads.CompleteAsync(request, caller),
        "DELETE" when request.Has("uploadId") => _uploads.AbortAsync(request),
        "DELETE" => _objects.DeleteAsync(request),
        _ => throw new S3Exception(S3Error.MethodNotAllowed),
    };

    private Task TagsAsync(S3Request request)
    {
        _ = shelf.Get(request.Bucket).Find(request.Key) ?? throw new S3Exception(S3Error.NoSuchKey);
        return S3Answer.WriteAsync(request, S3Answer.Element("Tagging", S3Answer.Element("TagSet")));
    }

    // Settings can be asked for where they are as of a new bucket, and never be set.
    private static void RefuseLeftOut(S3Request request)
    {
        string[] never = ["versionId", "versions", "attributes", "torrent", "select", "restore", "retention", "legal-hold", "analytics", "inventory", "metrics", "intelligent-tiering"];
        string[] readOnly = ["acl", "policy", "tagging", "cors", "lifecycle", "website", "encryption", "replication", "object-lock", "publicAccessBlock", "ownershipControls",
            "versioning", "logging", "notification", "accelerate", "requestPayment"];
        if (never.FirstOrDefault(request.Has) is { } left)
        {
            throw new S3Exception(S3Error.NotSupported(left));
        }

        if (request.Method != "GET" && readOnly.FirstOrDefault(request.Has) is { } setting)
        {
            throw new S3Exception(S3Error.NotSupported($"{request.Method} of {setting}"));
        }
    }
}
